"""Checks of an area."""
