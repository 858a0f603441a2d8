#!/usr/bin/env bash
# A merchant's sender with curl: a click, the player's first deposit, and its approval.
#
#   examples/send.sh http://127.0.0.1:8080 acme-demo-token
set -euo pipefail

url=$1 token=$2
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

# Sends a postback. curl sends it again after a 429 or 5xx, when `Retry-After` says so, and after a network failure: a
# repetition is recognised, so this never counts twice. The token goes in a header, where no log of addresses sees it;
# curl reads it from a file, where no list of processes sees it.
postback() {
    local endpoint=$1 status parameters=()
    shift
    for parameter in "$@"; do parameters+=(--data-urlencode "$parameter"); done
    status=$(curl -sS --retry 10 --retry-connrefused --max-time 10 -H @<(echo "Authorization: Bearer $token") \
        "${parameters[@]}" -o "$answer" -w '%{http_code}' "$url$endpoint")
    cat "$answer"
    echo
    # What is refused stays refused until somebody has corrected it: `detail` says how.
    [[ $status == 200 ]]
}

# The player's click. In earnest the landing page has received its id, as {click_id} in the landing URL.
landing=$(curl -sS -o /dev/null -w '%{redirect_url}' "$url/click?offer=acme-slots&affiliate=lotus")
click=${landing##*cid=}

postback /track/conv click_id="$click" goal_alias=ftd amount=100.00 currency=EUR
postback /track/conv-change click_id="$click" goal_alias=ftd conv_status=approved amount=100.00 currency=EUR
