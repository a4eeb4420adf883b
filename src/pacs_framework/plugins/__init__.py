"""Discovery, loading and dispatch of plugins."""
