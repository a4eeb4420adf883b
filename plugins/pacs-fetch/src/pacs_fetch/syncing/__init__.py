"""Pull synchronisation: what a source and this archive have, compared, and what is missing here."""
