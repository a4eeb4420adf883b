"""Objects in a bucket of Google Cloud Storage: the storage scheme ``gs``."""
