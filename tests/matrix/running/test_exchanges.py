"""exchanges.toml: what the repository's file says, and how a wrong one is told."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from kserve_conformance.errors import DataFileError

from matrix.planning import expectations
from matrix.running import exchanges

MEANINGS = exchanges.words("late-x", "rest", "1.2.3", ["1.0", "2.0"])


def test_every_exchange_belongs_to_a_check() -> None:
    known = exchanges.load(MEANINGS)
    named = {each.check for each in known.http} | {each.check for each in known.grpc}
    assert named <= expectations.load().checks.keys()


def test_words_are_replaced_everywhere() -> None:
    known = exchanges.load(MEANINGS)
    assert "$" not in repr(known)
    assert any(each.path == "/v1/models/late-x" for each in known.http)


def test_some_are_of_one_transport_or_number_of_versions_alone() -> None:
    known = exchanges.load(MEANINGS)
    for transport, versions in itertools.product(("rest", "grpc"), (1, 2)):
        there = known.of(transport, versions)
        for some, every in ((there.http, known.http), (there.grpc, known.grpc)):
            assert {each.transport for each in some} == {None, transport}
            assert {each.versions for each in some} == {None, versions}
            assert len(some) < len(every)


def test_each_check_asks_something_whichever_versions_there_are() -> None:
    known = exchanges.load(MEANINGS)
    for transport, versions in itertools.product(("rest", "grpc"), (1, 2)):
        there = known.of(transport, versions)
        asked = {each.check for each in there.http} | {each.check for each in there.grpc}
        assert asked == {*exchanges.checks()}


def test_versions_are_listed_as_each_text_needs_them() -> None:
    known = exchanges.load(MEANINGS)
    assert any("It has 1.0, 2.0: ask" in (each.error or "") for each in known.http)
    assert any(
        (each.answer or {}).get("versions") == ["1.0", "2.0"]
        for each in known.http
        if isinstance(each.answer, dict)
    )


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
