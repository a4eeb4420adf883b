"""Taking studies over from another archive, by C-MOVE or C-GET, until both have the same."""
