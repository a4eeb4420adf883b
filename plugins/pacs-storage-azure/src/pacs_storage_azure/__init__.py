"""Objects in a container of Azure Blob Storage: the storage scheme ``az``."""
