"""Who asks (`authenticating`), and what they may do (`deciding`)."""
