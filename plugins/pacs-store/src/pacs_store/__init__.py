"""Storage SCP: receives instances."""
