"""The results of a drill: what they hold, and their file, JSON with a schema beside this."""

from __future__ import annotations

import datetime
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from kserve_conformance import datafile
from kserve_conformance.errors import ExitCode

from drill.judging import Figure
from drill.torchserve import RELEASE

SCHEMA = Path(__file__).with_name("results.schema.json")
FOLDER = Path(__file__).with_name("results")

AS_WANTED, NOT_AS_WANTED = "as wanted", "not as wanted"
# The wrapper says at its start that its SDK can't do what the row needs.
REFUSED = "refused at the start"
# The drill itself couldn't do it.
ERROR = "error"


@dataclass(frozen=True)
class Result:
    """What a row came to on one release of the SDK.

    Attributes:
        said: why it wasn't run, where it wasn't.
        unmet: a sentence for each condition that isn't met.
        counts: the requests of the load by result, by phase: before, during, after.
        figures: by name; see `drill.figures` and the row's fault.
        gateways: by name of a gateway, what its users would have seen of the fault.
        seconds: that the row took.
    """

    row: str
    kserve: str
    state: str
    said: str = ""
    unmet: tuple[str, ...] = ()
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    figures: Mapping[str, Figure] = field(default_factory=dict)
    gateways: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class Drill:
    """One run.

    Attributes:
        subject: the command that starts the wrapper.
        form: ``long`` or ``short``.
    """

    subject: str
    form: str
    results: Sequence[Result]
    date: str = field(default_factory=lambda: _today())
    torchserve: str = RELEASE
    system: str = field(default_factory=platform.platform)
    cores: int = field(default_factory=lambda: os.cpu_count() or 1)

    @property
    def exit_code(self) -> ExitCode:
        """Give what the command ends with."""
        states = {each.state for each in self.results}
        if NOT_AS_WANTED in states:
            return ExitCode.AGAINST_SUBJECT
        return ExitCode.NOT_KNOWN if ERROR in states or not states else ExitCode.AS_EXPECTED

    def joined(self, earlier: Drill) -> Drill:
        """Give this one with what an earlier one has of other rows and releases."""
        found = {(each.row, each.kserve): each for each in (*earlier.results, *self.results)}
        return replace(self, results=list(found.values()))

    def write(self, path: Path) -> None:
        """Write it, in a folder that is made where it isn't there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        told = {"schema": 1, **asdict(self), "results": [_rounded(each) for each in self.results]}
        path.write_text(json.dumps(told, indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Drill:
        """Read what `write` wrote.

        Raises:
            DataFileError: when the file can't be read, or breaks its schema.
        """
        told: dict[str, Any] = datafile.read(path, SCHEMA)
        del told["schema"]
        results = [Result(**{**each, "unmet": tuple(each["unmet"])}) for each in told["results"]]
        return cls(**{**told, "results": results})


def _rounded(result: Result) -> dict[str, Any]:
    told = asdict(result)
    told["figures"] = {name: _round(value) for name, value in result.figures.items()}
    return {**told, "seconds": round(result.seconds, 1)}


def _round(figure: Figure) -> Figure:
    return round(figure, 3) if isinstance(figure, float) else figure


def _today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()
