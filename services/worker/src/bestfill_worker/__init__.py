"""Worker service: drives orders in the deployed mode."""
