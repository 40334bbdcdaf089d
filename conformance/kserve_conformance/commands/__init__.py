"""``python -m kserve_conformance``: its commands."""
