#!/usr/bin/env php
<?php
// Signs a postback in PHP: prints its query with `ts` and `sig`.
//
//   examples/sign.php SIGNING_SECRET NAME=VALUE…

declare(strict_types=1);

/** The parameters with `ts`, the time of signing in Unix seconds, and `sig`, the signature. */
function signed(string $secret, array $parameters): array
{
    $parameters += ['ts' => (string) time()];
    // The decoded values are signed, sorted by name; how they are encoded for the way makes no difference.
    ksort($parameters, SORT_STRING);
    $pairs = array_map(fn ($name, $value) => "$name=$value", array_keys($parameters), $parameters);
    return $parameters + ['sig' => hash_hmac('sha256', implode('&', $pairs), $secret)];
}

$parameters = [];
foreach (array_slice($argv, 2) as $pair) {
    [$name, $value] = explode('=', $pair, 2);
    $parameters[$name] = $value;
}
echo http_build_query(signed($argv[1], $parameters)), "\n";
