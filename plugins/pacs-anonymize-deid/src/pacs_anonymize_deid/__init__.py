"""De-identification by recipes of deid, as an anonymizer of pacs-framework."""
