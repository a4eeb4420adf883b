"""Print jobs: kept, worked on, watched."""
