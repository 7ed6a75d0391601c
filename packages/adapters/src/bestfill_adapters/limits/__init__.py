"""How much one caller may ask for: rates, and places that are held."""

from bestfill_adapters.limits.limiter import Hold, Limiter
from bestfill_adapters.limits.rate import Rate, Taken

__all__ = ["Hold", "Limiter", "Rate", "Taken"]
