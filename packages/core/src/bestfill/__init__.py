"""bestfill: the pure core of a market-order execution engine for Solana.

Routing without any service::

    decision = compare(request, answers, min_amount_out)
"""

__version__ = "0.1.0"
