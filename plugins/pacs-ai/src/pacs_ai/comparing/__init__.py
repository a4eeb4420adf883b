"""Results held against each other: two of them, two runs, two models over all that both ran on."""
