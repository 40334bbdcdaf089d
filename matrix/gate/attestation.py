"""An in-toto Statement about a decision: which results, of which images, came to what.

It is of the predicate type test-result v0.1, in the in-toto attestation framework's
spec/predicates/test-result.md. It isn't signed here: signing needs a key, or an identity, of
whoever answers for the release.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kserve_conformance.results import whole_file
from kserve_conformance.results.results_file import Given

from matrix.gate.deciding import Decision
from matrix.planning import axes, expectations

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"

_SHA256 = "sha256:"


def statement(
    decision: Decision, given: Sequence[Given], policy: Path, today: datetime.date
) -> dict[str, Any]:
    """Give the Statement, as plain data.

    A test of it is a cell: which checks a cell has follows from the configuration.

    Args:
        today: the day as on which it was, which can be another one than it is.
    """
    held_back, warned = _names(decision, blocking=True), _names(decision, blocking=False)
    names = [cell.name for cell in decision.cells]
    return {
        "_type": STATEMENT_TYPE,
        "subject": [*_results(given), *_images(given)],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "result": _result(decision),
            "configuration": [
                {**_file(policy), "annotations": {"decided as on": today.isoformat()}},
                *map(_file, (axes.FILE, expectations.FILE)),
                *_locks(given),
                *_commits(given),
            ],
            "passedTests": [name for name in names if name not in held_back | warned],
            "warnedTests": [name for name in names if name in warned - held_back],
            "failedTests": [name for name in names if name in held_back],
        },
    }


def write(made: Mapping[str, Any], path: Path) -> None:
    """Write a Statement, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file.replacing(path) as unfinished:
        unfinished.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")


def _result(decision: Decision) -> str:
    # What is not proved is not passed, and the predicate has no word of its own for it.
    if decision.exit_code:
        return "FAILED"
    return "WARNED" if decision.reasons else "PASSED"


def _names(decision: Decision, blocking: bool) -> set[str]:
    return {
        cell.name
        for reason in decision.reasons
        if bool(reason.exit_code) is blocking
        for cell in reason.cells
    }


def _results(given: Sequence[Given]) -> list[dict[str, Any]]:
    names = [_name(each.path) for each in given]
    return [
        # Files outside of this folder have the same name, most often. The digest is of what was
        # judged, whatever the file holds by now.
        _entry(name if names.count(name) == 1 else f"{each.path.parent.name}/{name}", each.sha256)
        for each, name in zip(given, names, strict=True)
    ]


def _entry(name: str, sha256: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": sha256}}


def _file(path: Path) -> dict[str, Any]:
    return _entry(_name(path), hashlib.sha256(path.read_bytes()).hexdigest())


def _name(path: Path) -> str:
    # Where it is on this machine is nobody else's business.
    relative = os.path.relpath(path)
    return path.name if relative.startswith("..") else Path(relative).as_posix()


def _images(given: Sequence[Given]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for each in given:
        for instance in each.run.header.torchserve:
            identity = instance["identity"]
            # That of one that didn't start is empty.
            if identity.startswith(_SHA256):
                what = "image" if each.run.header.runtime == "container" else "process environment"
                name = f"TorchServe {instance['release']} ({what})"
                found[identity] = _entry(name, identity.removeprefix(_SHA256))
    return list(found.values())


def _locks(given: Sequence[Given]) -> list[dict[str, Any]]:
    locks = dict.fromkeys(lock for each in given for lock in each.run.header.locks.items())
    return [_entry(f"lock of KServe SDK {release}", digest) for release, digest in locks if digest]


def _commits(given: Sequence[Given]) -> Iterator[dict[str, Any]]:
    commits = (each.run.header.commit for each in given)
    for commit in dict.fromkeys(filter(None, commits)):
        clean = commit.removesuffix("-dirty")
        yield {
            "name": "harness",
            "digest": {"gitCommit": clean},
            "annotations": {"changed since the commit": clean != commit},
        }
