"""Fetches from other archives: priors of tomorrow's patients, and what is missing here."""
