"""What every feature needs to know of a learner."""
