"""docs/drill.md: what the drill is, and what its results in the repository say."""

from __future__ import annotations

from pathlib import Path

from drill import rows, soak_results, tables
from drill.results import FOLDER, Drill

BEFORE, AFTER = FOLDER / "before.json", FOLDER / "after.json"
SOAK = FOLDER / soak_results.FILE

_INTRODUCTION = Path(__file__).with_name("introduction.md")


def text() -> str:
    """Write the page."""
    known = rows.load()
    before = Drill.read(BEFORE)
    after = Drill.read(AFTER) if AFTER.exists() else None
    parts = [
        _INTRODUCTION.read_text(encoding="utf-8"),
        "## What each row came to\n",
        _measured(before, after),
    ]
    parts += [tables.sides(before, after, known)]
    for name, drill in (("before", before), ("after", after)):
        if drill is not None:
            parts += [f"## Requests and gateways, {name}\n", tables.counts(drill)]
    if SOAK.exists():
        parts += ["## Soak\n", soak_results.table(soak_results.read(SOAK)["soaks"])]
    return "\n".join(parts)


def write(folder: Path) -> None:
    """Write the file in a folder."""
    (folder / "drill.md").write_text(text(), encoding="utf-8")


def _measured(before: Drill, after: Drill | None) -> str:
    told = f"Before: {before.date}, {before.cores} cores, TorchServe {before.torchserve}."
    if after is not None:
        told += f" After: {after.date}, {after.cores} cores, TorchServe {after.torchserve}."
    return told + "\n"
