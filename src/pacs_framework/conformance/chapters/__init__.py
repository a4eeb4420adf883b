"""The chapters of a statement in the order of PS3.2 Annex N, one module for each."""
