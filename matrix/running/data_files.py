"""The data files that only a run reads, checked before it: a typo shows here, not in a cell.

Those of the fixtures are checked here, since the fixtures import nothing of the suite.
"""

from __future__ import annotations

from pathlib import Path

from kserve_conformance import datafile
from kserve_conformance.errors import DataFileError

from fixtures import payloads
from fixtures.torchserve import releases
from matrix.planning.axes import Axes
from matrix.planning.expectations import Expectations
from matrix.running import exchanges

_RELEASES_SCHEMA = Path(releases.__file__).with_name("releases.schema.json")
_PAYLOAD_SCHEMA = Path(payloads.__file__).with_name("payload.schema.json")


def check(axes: Axes, expected: Expectations) -> None:
    """Refuse what no run could use.

    Raises:
        DataFileError: when a file can't be read, breaks its schema or contradicts another.
    """
    exchanges.check(expected.checks)
    check_fixtures(axes)


def check_fixtures(axes: Axes) -> None:
    """Refuse, of these files, those of the fixtures: releases.toml and the payloads.

    Raises:
        DataFileError: when a file can't be read, breaks its schema or contradicts another.
    """
    known = datafile.read(releases.FILE, _RELEASES_SCHEMA)["releases"]
    for release in axes.torchserve:
        if release not in known:
            wrong = f"axes.toml offers TorchServe {release}, which isn't here: add it"
            raise DataFileError(wrong, "releases", releases.FILE)
    for path in payloads.files():
        datafile.read(path, _PAYLOAD_SCHEMA)
