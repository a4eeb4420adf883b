"""Objects as files in one folder: atomic and durable."""
