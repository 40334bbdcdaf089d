"""``python -m drill``, a thin module for each command."""
