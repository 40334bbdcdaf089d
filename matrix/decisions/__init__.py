"""What follows from results: a decision, a comparison, the release where something changes."""
