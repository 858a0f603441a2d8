#!/usr/bin/env python3
"""A merchant's sender in Python: a click, the player's first deposit, and its approval.

    examples/send.py http://127.0.0.1:8080 acme-demo-token
"""

import json
import sys
import time
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

ATTEMPTS_MAX = 10


class Refused(Exception):
    """The postback is wrong, and stays so until somebody has corrected it."""


def postback(url, token, endpoint, **parameters):
    """Sends a postback until it is answered for good. A repetition is recognised, so this never counts twice."""
    # The token goes in a header, where no log of addresses sees it.
    request = Request(url + endpoint, urlencode(parameters).encode(), {"Authorization": f"Bearer {token}"})
    for attempt in range(1, ATTEMPTS_MAX + 1):
        wait = min(2**attempt, 60)
        try:
            with urlopen(request, timeout=10) as response:
                answer = json.load(response)
                if answer["duplicate"]:
                    print("was recorded before")
                return answer["conversion"]
        except HTTPError as error:
            if error.code != 429 and error.code < 500:
                problem = json.load(error)
                raise Refused(f"{problem['code']}: {problem['detail']}") from None
            wait = int(error.headers.get("Retry-After", wait))
        except (URLError, TimeoutError, ConnectionError):
            pass  # Nobody knows whether it arrived: send it again.
        time.sleep(wait)
    raise TimeoutError(f"{endpoint} was not answered: keep the postback and send it later")


def main():
    url, token = sys.argv[1:]
    # The player's click. In earnest the landing page has received its id, as {click_id} in the landing URL.
    click = Request(f"{url}/click?offer=acme-slots&affiliate=lotus", headers={"Accept": "application/json"})
    with urlopen(click, timeout=10) as response:
        click_id = json.load(response)["click_id"]
    # Amounts are texts: a float could lose a cent.
    deposit = {"click_id": click_id, "goal_alias": "ftd", "amount": "100.00", "currency": "EUR"}
    print(postback(url, token, "/track/conv", **deposit))
    print(postback(url, token, "/track/conv-change", **deposit, conv_status="approved"))


if __name__ == "__main__":
    main()
