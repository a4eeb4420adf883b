"""The use cases: receive, query, retrieve; the change feed. Knows no network."""
