"""De-identification by the confidentiality profiles of PS3.15 Annex E."""
