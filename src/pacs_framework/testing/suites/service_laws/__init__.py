"""The laws of `pacs_framework.testing.suites.service.ServiceSuite`, by what they are about."""
