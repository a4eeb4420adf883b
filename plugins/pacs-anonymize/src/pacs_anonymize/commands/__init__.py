"""``pacs anonymize`` and what is below it."""
