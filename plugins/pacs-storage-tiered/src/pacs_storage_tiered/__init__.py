"""Objects in several places at once: replicas, and tiers by age and use."""
