"""The migrations of the kernel's branch."""
