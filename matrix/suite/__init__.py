"""The checks: what each cell must show, as pytest tests."""
