"""Print Management as SCU: printing on the printers of others."""
