"""``kserve-conformance``: its commands."""
