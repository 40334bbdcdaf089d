"""exchanges.toml: what the repository's file says, and how a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from kserve_conformance.errors import DataFileError

from matrix.planning import expectations
from matrix.running import exchanges

MEANINGS = {"late": "late-x", "transport": "rest", "version": "1.2.3"}


def test_every_exchange_belongs_to_a_check() -> None:
    known = exchanges.load(MEANINGS)
    named = {each.check for each in known.http} | {each.check for each in known.grpc}
    assert named <= expectations.load().checks.keys()


def test_words_are_replaced_everywhere() -> None:
    known = exchanges.load(MEANINGS)
    assert "$" not in repr(known)
    assert any(each.path == "/v1/models/late-x" for each in known.http)


def test_some_are_of_one_transport_alone() -> None:
    known = exchanges.load(MEANINGS)
    for transport in ("rest", "grpc"):
        by = known.by(transport)
        assert {each.transport for each in by.http} == {None, transport}
        assert {each.transport for each in by.grpc} == {None, transport}
        assert len(by.http) < len(known.http)
        assert len(by.grpc) < len(known.grpc)


def test_a_body_may_go_on_with_bytes() -> None:
    bodies = [each.body or b"" for each in exchanges.load(MEANINGS).http]
    assert any(body.endswith(b"\xff\xff\xff\xff") for body in bodies)


WRONG = {
    "no TOML": ("schema", "can't be read"),
    "unknown member": ('[[http]]\ncheck = "x"\nask = "GET /"\nstatus = 200\nbdy = ""', "bdy"),
    "two answers": (
        '[[http]]\ncheck = "x"\nask = "GET /"\nstatus = 400\nanswer = "{}"\nerror = "e"',
        "should not be valid",
    ),
    "unknown word": (
        '[[http]]\ncheck = "x"\nask = "GET /$lat"\nstatus = 200',
        r"http\[0\]\.ask: 'lat': the words are \$late",
    ),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_file_is_told(mistake: str, tmp_path: Path) -> None:
    text, said = WRONG[mistake]
    file = tmp_path / "exchanges.toml"
    file.write_text(text if mistake == "no TOML" else f"schema = 1\ngrpc = []\n{text}\n")
    with pytest.raises(DataFileError, match=said):
        exchanges.load(MEANINGS, file)
