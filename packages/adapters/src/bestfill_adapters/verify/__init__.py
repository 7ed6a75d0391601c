"""Whether every order's story is whole and unchanged: what `bestfill verify` finds out, and changes nothing."""

from bestfill_adapters.verify.sources import Source, open_source
from bestfill_adapters.verify.walk import Fault, Verdict, verify

__all__ = ["Fault", "Source", "Verdict", "open_source", "verify"]
