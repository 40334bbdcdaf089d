"""What wrappers answered the conformance suite, by cell: its transcripts, and what differs."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from kserve_conformance import differences
from kserve_conformance.asking import transcript
from kserve_conformance.asking.transcript import Seen

from matrix.planning.cells import Cell

TRANSCRIPTS = "transcripts"
DIFFERENCES = "differences.md"


class Transcripts:
    """Keeps what each cell's wrapper answered.

    Args:
        cells: those of the run, in their order.
    """

    def __init__(self, out: Path, cells: Sequence[Cell]) -> None:
        self._out = out
        self._cells = cells
        self._by_cell: dict[Cell, Sequence[Seen]] = {}
        shutil.rmtree(out / TRANSCRIPTS, ignore_errors=True)

    def take(self, cell: Cell, seen: Sequence[Seen]) -> None:
        """Keep what a cell's wrapper answered."""
        self._by_cell[cell] = seen
        folder = self._out / TRANSCRIPTS
        folder.mkdir(exist_ok=True)
        transcript.write(folder / f"{cell.visit}.jsonl", seen)

    def finish(self) -> str | None:
        """Write the table of what a client could tell one release from another by.

        Returns:
            How much that is, in a sentence; None where nothing was asked of two releases.
        """
        groups: dict[str, dict[str, Sequence[Seen]]] = {}
        # Releases end in the order in which they happen to be done.
        for cell in self._cells:
            if cell in self._by_cell:
                name = f"PROTOCOL_VERSION {cell.protocol}, envelope {cell.envelope}"
                groups.setdefault(name, {})[cell.kserve] = self._by_cell[cell]
        if not groups:
            return None
        text = differences.page(groups, "KServe SDK")
        (self._out / DIFFERENCES).write_text(text, encoding="utf-8")
        if all(len(releases) < 2 for releases in groups.values()):
            return None
        found = sum(len(differences.between(releases)) for releases in groups.values())
        return (
            f"{found} requests of the conformance suite are answered differently by SDK release: "
            f"{self._out / DIFFERENCES}"
        )
