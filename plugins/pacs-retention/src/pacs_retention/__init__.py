"""What may go: studies by age, by total size and by number of patients."""
