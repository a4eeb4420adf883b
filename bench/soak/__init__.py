"""Mixed load on this archive for minutes or hours, and what has to be as it was afterwards."""
