"""The server: connections, requests and bodies. Imported with the first connection."""
