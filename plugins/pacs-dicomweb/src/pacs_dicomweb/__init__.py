"""DICOMweb (PS3.18): a plugin of pacs-framework."""
