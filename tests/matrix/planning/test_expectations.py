"""expectations.toml: what the repository's file says, and how a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from kserve_conformance.errors import DataFileError

from matrix.planning import axes, expectations


@pytest.fixture(scope="module")
def ours() -> expectations.Expectations:
    return expectations.load()


def test_every_protocol_value_is_served_or_refused(ours: expectations.Expectations) -> None:
    assert set(axes.load().protocols) == ours.services.keys() | ours.refusals.keys()


def test_refusals_name_the_value_as_it_was_given(ours: expectations.Expectations) -> None:
    for name, line in ours.refusals.items():
        assert line.startswith(f"PROTOCOL_VERSION={axes.load().value(name)!r} is not supported: ")


def test_unset_and_empty_take_effect_as_v1(ours: expectations.Expectations) -> None:
    for name in ("unset", "empty", "v1"):
        assert {each.effective for each in ours.services[name].values()} == {"v1"}


def _altered(tmp_path: Path, right: str, wrong: str) -> Path:
    text = expectations.FILE.read_text()
    assert right in text
    file = tmp_path / "expectations.toml"
    file.write_text(text.replace(right, wrong, 1))
    return file


MISTAKES = {
    "no TOML": ("schema = 1", "schema", "can't be read"),
    "unknown member": ("statement = ", "statment = ", r"checks\[0\]: .*statment"),
    "unknown axis": ('when = { outcome = "serves" }', 'when = { outcom = "x" }', "outcom = 'x' is"),
    "repeated check": ('id = "effective-protocol"', 'id = "starts"', "an id is there twice"),
    "unknown check": (
        '    "grpc-infer", ',
        '    "grpc-infr", ',
        r"unsupported\[0\]\.check: grpc-infr is no check",
    ),
    "an envelope twice": (
        'envelopes = ["kserve", "kservev2"]',
        'envelopes = ["kserve", "none"]',
        r"serves\[1\]: unset with envelope none is there twice",
    ),
    "both served and refused": ('protocol = "v3"', 'protocol = "v2"', "v2 is both in serves and"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_file_is_told(mistake: str, tmp_path: Path) -> None:
    right, wrong, said = MISTAKES[mistake]
    file = _altered(tmp_path, right, wrong)
    with pytest.raises(DataFileError, match=said) as raised:
        expectations.load(file)
    assert str(raised.value).startswith(str(file))
