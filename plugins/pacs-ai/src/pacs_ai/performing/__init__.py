"""Models that perform Unified Procedure Steps, where pacs-ups is installed."""
