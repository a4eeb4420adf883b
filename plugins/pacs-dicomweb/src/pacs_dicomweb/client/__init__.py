"""DICOMweb as a user agent: searches, retrievals and stores at other servers (PS3.18)."""
