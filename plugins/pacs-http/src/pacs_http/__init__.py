"""One HTTP server for all plugins; what they build on is `pacs_http.api`."""
