"""Non-patient instances for pacs-framework: stored, found and retrieved by DIMSE and HTTP."""
