#!/usr/bin/env php
<?php
// A merchant's sender in PHP: a click, the player's first deposit, and its approval.
//
//   examples/send.php http://127.0.0.1:8080 acme-demo-token

declare(strict_types=1);

const ATTEMPTS_MAX = 10;

/** An answer's status, its headers with names in lower case, and its body; a status of 0 if none came. */
function request(string $url, array $options): array
{
    $context = stream_context_create(['http' => $options + ['timeout' => 10, 'ignore_errors' => true]]);
    $body = @file_get_contents($url, false, $context);
    if ($body === false) {
        return [0, [], ''];
    }
    $headers = [];
    foreach ($http_response_header as $line) {
        [$name, $value] = explode(':', $line, 2) + [1 => ''];
        $headers[strtolower($name)] = trim($value);
    }
    return [(int) explode(' ', $http_response_header[0])[1], $headers, $body];
}

/** Sends a postback until it is answered for good. A repetition is recognised, so this never counts twice. */
function postback(string $url, string $token, string $endpoint, array $parameters): array
{
    // The token goes in a header, where no log of addresses sees it.
    $options = [
        'method' => 'POST',
        'header' => ["Authorization: Bearer $token", 'Content-Type: application/x-www-form-urlencoded'],
        'content' => http_build_query($parameters),
    ];
    for ($attempt = 1; $attempt <= ATTEMPTS_MAX; $attempt++) {
        [$status, $headers, $body] = request($url . $endpoint, $options);
        if ($status === 200) {
            $answer = json_decode($body, true, flags: JSON_THROW_ON_ERROR);
            if ($answer['duplicate']) {
                echo "was recorded before\n";
            }
            return $answer['conversion'];
        }
        if ($status !== 0 && $status !== 429 && $status < 500) {
            // It is wrong, and stays so until somebody has corrected it.
            $problem = json_decode($body, true, flags: JSON_THROW_ON_ERROR);
            throw new DomainException("{$problem['code']}: {$problem['detail']}");
        }
        sleep((int) ($headers['retry-after'] ?? min(2 ** $attempt, 60)));
    }
    throw new RuntimeException("$endpoint was not answered: keep the postback and send it later");
}

[, $url, $token] = $argv;
// The player's click. In earnest the landing page has received its id, as {click_id} in the landing URL.
[, , $clicked] = request("$url/click?offer=acme-slots&affiliate=lotus", ['header' => 'Accept: application/json']);
$clickId = json_decode($clicked, true, flags: JSON_THROW_ON_ERROR)['click_id'];
// Amounts are texts: a float could lose a cent.
$deposit = ['click_id' => $clickId, 'goal_alias' => 'ftd', 'amount' => '100.00', 'currency' => 'EUR'];
echo json_encode(postback($url, $token, '/track/conv', $deposit)), "\n";
echo json_encode(postback($url, $token, '/track/conv-change', $deposit + ['conv_status' => 'approved'])), "\n";
