"""The laws of `pacs_framework.testing.suites.storage.StorageSuite`, by what they are about."""
