"""What every question about a run is asked of: attempts, states, cells and words."""
