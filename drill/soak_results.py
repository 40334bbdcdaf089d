"""The results of soaks: their file, JSON with a schema beside this, and their table."""

from __future__ import annotations

import datetime
import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kserve_conformance import datafile

from drill import markdown
from drill.judging import shown
from drill.soak import Soak
from drill.torchserve import RELEASE

FILE = "soak.json"
SCHEMA = Path(__file__).with_name("soak.schema.json")
# The figures that a table has, with their headings.
_FIGURES = {
    "wrong_answers": "wrong",
    "failed_at_the_end": "failed at the end",
    "memory_megabytes_at_most": "MB at most",
    "memory_rise_percent_an_hour": "% of memory more an hour, at least",
    "files_at_most": "open files at most",
    "files_rise_an_hour": "files more an hour, at least",
}


def write(path: Path, subject: str, soaks: Sequence[Soak]) -> None:
    """Write the file, in a folder that is made where it isn't there."""
    told = {
        "schema": 1,
        "subject": subject,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "torchserve": RELEASE,
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "soaks": [each.to_dict() for each in soaks],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(told, indent=1) + "\n")


def read(path: Path) -> dict[str, Any]:
    """Read what `write` wrote.

    Raises:
        DataFileError: when the file can't be read, or breaks its schema.
    """
    return datafile.read(path, SCHEMA)


def table(soaks: Sequence[Mapping[str, Any]]) -> str:
    """Write what soaks came to, as Markdown."""
    headings = ["KServe", "minutes", "requests/s", "faults", "requests by result"]
    lines = [
        [
            str(each["kserve"]),
            str(each["minutes"]),
            shown(each["rate"]),
            markdown.counted(each["faults"]),
            markdown.counted(each["counts"]),
            *(shown(each["figures"][name]) for name in _FIGURES),
        ]
        for each in soaks
    ]
    return markdown.table([*headings, *_FIGURES.values()], lines)
