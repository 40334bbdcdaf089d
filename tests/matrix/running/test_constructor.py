"""What a model's constructor makes of values, asked once for all processes of a run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from kserve_conformance.results.verdict import SubjectFailed

from matrix.planning.subject import Subject, base_environment
from matrix.running import constructor
from matrix.running.forks import ForkServers

VALUES = {"unset": None, "v1": "v1"}
HERE = Path(sys.executable)
# Tells that it was asked by a line in a file.
MODEL = """
class Model:
    def __init__(self, name, protocol):
        open({asked!r}, "a").write(".")
        self.protocol = protocol or "v1"
"""


def _subject(folder: Path) -> Subject:
    file = folder / "model.py"
    file.write_text(MODEL.format(asked=str(folder / "asked")))
    return Subject("mine", "{python} mine.py", f"{file}:Model")


def test_it_is_asked_once_whoever_needs_it(tmp_path: Path) -> None:
    subject, found = _subject(tmp_path), tmp_path / "run" / "found.json"
    wanted = {name: {"protocol": "v1"} for name in VALUES}
    for _ in range(2):
        assert constructor.outcomes(subject, HERE, VALUES, {}, found) == wanted
    assert (tmp_path / "asked").read_text() == "." * len(VALUES)


def test_what_cant_be_imported_is_told_to_each(tmp_path: Path) -> None:
    subject, found = Subject("mine", "mine", "no_such_module:Model"), tmp_path / "found.json"
    for _ in range(2):
        with pytest.raises(SubjectFailed, match="No module named 'no_such_module'"):
            constructor.outcomes(subject, HERE, VALUES, {}, found)


def test_forked_it_answers_as_when_it_is_started(tmp_path: Path) -> None:
    subject = Subject("mine", "{python} -m http.server", "fractions:Fraction")
    servers = ForkServers.make(tmp_path / "forks", "kserve", base_environment())
    try:
        outcomes = [
            constructor.outcomes(subject, HERE, VALUES, {}, tmp_path / f"{forks}.json", forks)
            for forks in (None, servers)
        ]
        assert outcomes[0] == outcomes[1]
        assert "error" in outcomes[0]["v1"]
        assert [*servers.folder.glob("*.sock")], "it was started exactly"
    finally:
        servers.close()
