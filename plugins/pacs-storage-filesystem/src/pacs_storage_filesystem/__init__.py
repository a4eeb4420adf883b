"""Objects as files, atomic and durable."""
