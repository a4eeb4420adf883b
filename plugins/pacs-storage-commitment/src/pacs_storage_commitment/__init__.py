"""Storage Commitment, asked and answered (PS3.4 Annex J)."""
