"""What every request and socket passes before the application sees it: who asks, from where, and how often."""

from bestfill_api.edge.layer import Application, Edge
from bestfill_api.edge.visit import Pass, Visit, visit_of

__all__ = ["Application", "Edge", "Pass", "Visit", "visit_of"]
