"""``python -m conformance``: its commands."""
