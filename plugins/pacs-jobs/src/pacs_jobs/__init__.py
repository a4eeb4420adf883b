"""Jobs: work that is done later, kept durably, for pacs-framework."""
