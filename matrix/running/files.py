"""What a run leaves in its folder, by name."""

from __future__ import annotations

RESULTS = "results.jsonl"
JUNIT = "junit.xml"
# A folder: the locks that hold a wrapper's own requirements, which no commit has.
LOCKS = "locks"
