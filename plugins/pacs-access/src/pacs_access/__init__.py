"""Who may associate, and for what."""
