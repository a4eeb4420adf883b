"""Models at work: each run in processes of its own, within limits."""
