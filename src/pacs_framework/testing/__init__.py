"""What plugin authors test with: fixtures and contract suites."""
