"""De-identification by dicognito, as an anonymizer of pacs-framework."""
