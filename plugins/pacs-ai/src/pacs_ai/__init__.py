"""Models that read stored series and write standard results."""
