"""Addresses within the page: the view, what it is filtered by, and the cell that is open."""

from __future__ import annotations

from urllib.parse import urlencode


def to(view: str, **members: str | list[str]) -> str:
    """Give the address of a view; scripts/address.js reads it."""
    query = urlencode({name: value for name, value in members.items() if value}, doseq=True)
    return f"#{view}?{query}" if query else f"#{view}"
