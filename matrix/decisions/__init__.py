"""What follows from results: a release decision, a comparison, the release where an outcome changes."""
