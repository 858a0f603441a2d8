#!/usr/bin/env python3
"""Signs a postback in Python: prints its query with `ts` and `sig`.

    examples/sign.py SIGNING_SECRET NAME=VALUE…
"""

import hashlib
import hmac
import sys
import time
from urllib.parse import urlencode


def signed(secret, parameters):
    """The parameters with `ts`, the time of signing in Unix seconds, and `sig`, the signature."""
    parameters = {"ts": str(int(time.time())), **parameters}
    # The decoded values are signed, sorted by name; how they are encoded for the way makes no difference.
    text = "&".join(f"{name}={parameters[name]}" for name in sorted(parameters))
    return {**parameters, "sig": hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()}


if __name__ == "__main__":
    print(urlencode(signed(sys.argv[1], dict(pair.split("=", 1) for pair in sys.argv[2:]))))
