"""Run a command for every stored instance."""
