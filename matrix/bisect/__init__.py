"""In which release a check comes to something else, and what the cause is."""
