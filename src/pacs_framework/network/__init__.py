"""The wire: upper layer, DIMSE, associations in both roles. Knows no archive."""
