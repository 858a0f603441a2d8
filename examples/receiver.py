#!/usr/bin/env python3
"""A tracker for trying out outgoing postbacks: prints every request that arrives, and fails on demand.

  python3 examples/receiver.py --port 9000
  python3 examples/receiver.py --port 9000 --fail 5 --status 500   # fails five times, then takes everything
  python3 examples/receiver.py --port 9000 --slow 20               # answers after 20 seconds
  python3 examples/receiver.py --port 9000 --secret whsec_...      # checks the signature of each request

The sender must be allowed to reach this machine: COUNTERSIGN_DELIVERY_ALLOW=127.0.0.0/8
"""

import argparse
import base64
import hashlib
import hmac
import http.server
import threading
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--port", type=int, default=9000, help="0 picks a free one")
parser.add_argument("--fail", type=int, default=0, metavar="N", help="fail the first N requests")
parser.add_argument("--status", type=int, default=500, help="the status of a failure")
parser.add_argument("--slow", type=float, default=0, metavar="SECONDS", help="wait before every answer")
parser.add_argument("--secret", help="the signing secret, whsec_…")
options = parser.parse_args()

lock = threading.Lock()
failures_left = options.fail


def is_signed(headers, body):
    """Whether a request is one of ours, and fresh: Standard Webhooks 1.0."""
    sent_at = headers.get("webhook-timestamp", "")
    if not sent_at.isdigit() or abs(time.time() - int(sent_at)) > 300:
        return False
    key = base64.b64decode(options.secret.removeprefix("whsec_"))
    signed = f"{headers.get('webhook-id')}.{sent_at}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    given = headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(expected.encode(), one.encode()) for one in given)


class Tracker(http.server.BaseHTTPRequestHandler):
    """Answers every request by the options."""

    def answer(self):
        global failures_left
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        with lock:
            status = options.status if failures_left > 0 else 200
            failures_left -= 1
        if options.secret and not is_signed(self.headers, body):
            status = 401
        with lock:
            print(f"{self.command} {self.path} -> {status}", flush=True)
            if body:
                print(body.decode(errors="replace"), flush=True)
        time.sleep(options.slow)
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    do_GET = do_POST = answer

    def log_message(self, *_):
        """What is to be said has been printed."""


server = http.server.ThreadingHTTPServer(("127.0.0.1", options.port), Tracker)
print(f"receiving on http://127.0.0.1:{server.server_port}", flush=True)
try:
    server.serve_forever()
except KeyboardInterrupt:
    pass
