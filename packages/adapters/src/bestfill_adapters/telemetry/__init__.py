"""What operators see: Prometheus metrics, and traces."""
