"""The laws of `pacs_framework.testing.suites.jobs`, by what they are about."""
