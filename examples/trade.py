"""A confirmed order in five lines: python trade.py [URL]. The default is BESTFILL_URL, or port 3000 of this machine."""

import os
import sys

from bestfill_client import Bestfill

url = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("BESTFILL_URL", "http://127.0.0.1:3000")

with Bestfill(url, user_id="user-123") as engine:
    accepted = engine.submit("SOL", "USDC", "1.5", slippage="0.5")
    order = engine.wait(accepted.order_id, timeout_s=60)
    print(order.status, order.amount_out or order.error_reason, order.tx_hash)
