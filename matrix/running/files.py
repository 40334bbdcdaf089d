"""What a run leaves in its folder, by name."""

from __future__ import annotations

RESULTS = "results.jsonl"
JUNIT = "junit.xml"
