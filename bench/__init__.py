"""Side-by-side benchmarks of the archive against real peers; see README.md here."""
