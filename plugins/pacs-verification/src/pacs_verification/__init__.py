"""C-ECHO, the smallest service."""
