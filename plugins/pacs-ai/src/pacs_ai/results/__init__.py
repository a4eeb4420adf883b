"""What models yield, written as instances by highdicom, and what programs wrote, checked."""
