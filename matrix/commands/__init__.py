"""``python -m matrix``: a module for each of its commands."""
