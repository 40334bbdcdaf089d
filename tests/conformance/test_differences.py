"""What a client could tell two servers apart by."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from kserve_conformance import catalogue, differences
from kserve_conformance.asking import transcript
from kserve_conformance.asking.http_client import Answer
from kserve_conformance.asking.target import Target
from kserve_conformance.asking.transcript import Seen
from kserve_conformance.commands.cli import main
from kserve_conformance.session import Session
from markdown_it import MarkdownIt

from tests.servers import RightServer, http


def _seen(body: bytes, status: int = 200, number: int = 1, **headers: str) -> Seen:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return transcript.of_answer("V2-A-001", number, Answer("GET /v2", status, told, body))


SAME = _seen(b'{"id": "a", "n": [1, 2.5]}', content_type="application/json", date="Monday")


@pytest.mark.parametrize(
    "other",
    [
        _seen(b'{"id": "b", "n": [3]}', content_type="application/json", date="Tuesday"),
        _seen(b'{"n": [7, 7, 7], "id": ""}', content_type="application/json", content_length="9"),
    ],
)
def test_values_and_hours_are_no_difference(other: Seen) -> None:
    assert differences.between({"a": [SAME], "b": [other]}) == []


@pytest.mark.parametrize(
    "other",
    [
        _seen(b'{"id": "a", "n": [1]}', 201, content_type="application/json"),
        _seen(b'{"id": "a", "n": [1]}', content_type="text/html"),
        _seen(b'{"id": "a", "n": [1]}', content_type="application/json", x_more="y"),
        _seen(b'{"id": null, "n": [1]}', content_type="application/json"),
        _seen(b'{"id": "a", "n": ["1"]}', content_type="application/json"),
        _seen(b'{"id": "a", "n": [1], "m": 1}', content_type="application/json"),
        _seen(b"text", content_type="application/json"),
    ],
)
def test_status_headers_and_form_are(other: Seen) -> None:
    (found,) = differences.between({"a": [SAME], "b": [other], "c": [SAME]})
    assert [each.servers for each in found.variants] == [("a", "c"), ("b",)]


def test_datatypes_and_shapes_are() -> None:
    first = _seen(b'{"outputs": [{"datatype": "FP32", "shape": [1], "data": [1]}]}')
    second = _seen(b'{"outputs": [{"datatype": "FP64", "shape": [1], "data": [1]}]}')
    third = _seen(b'{"outputs": [{"datatype": "FP32", "shape": [2], "data": [1, 1]}]}')
    (found,) = differences.between({"a": [first], "b": [second], "c": [third]})
    assert len(found.variants) == 3


def test_a_request_that_only_one_was_asked_is_a_difference() -> None:
    second = _seen(b"{}", number=2)
    (found,) = differences.between({"a": [SAME, second], "b": [SAME]})
    assert found.variants[1].status == "not asked"


def test_a_check_that_only_one_was_judged_by_is_none() -> None:
    assert differences.between({"a": [SAME], "b": []}) == []


def rows(page: str) -> list[list[str]]:
    """Give the first four cells of each row of a page's tables."""
    lines = (line for line in page.splitlines() if line.startswith("|"))
    return [[cell.strip() for cell in line.strip("|").split("|")][:4] for line in lines]


def test_the_page_has_a_row_for_each_variant(tmp_path: Path) -> None:
    other = _seen(b"{}", 500)
    transcript.write(tmp_path / "t", [SAME])
    groups = {
        "envelope x": {"0.9.0": transcript.read(tmp_path / "t"), "0.21.0": [other]},
        "envelope y": {"0.9.0": [SAME], "0.21.0": [SAME]},
    }
    text = differences.page(groups, "KServe SDK")
    assert "1 requests on 0.9.0, 0.21.0: 1 answered differently." in text
    assert "1 requests on 0.9.0, 0.21.0: 0 answered differently." in text
    assert ["V2-A-001 1", "`GET /v2`", "0.9.0", "200"] in rows(text)
    assert ["", "", "0.21.0", "500"] in rows(text)


def test_what_a_server_answers_is_no_markdown_of_the_page() -> None:
    hostile = _seen(b'{"![x](http://evil/p.png)": "|"}', 200)
    text = differences.page({"x": {"a": [SAME], "b": [hostile]}}, "server")
    shown = MarkdownIt("commonmark").enable("table").render(text)
    assert "<img" not in shown
    assert "![x](http://evil/p.png)" in shown


def test_the_command_holds_runs_against_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    transcript.write(tmp_path / "old", [SAME])
    transcript.write(tmp_path / "new", [_seen(b"{}", 500)])
    old, new = (str(tmp_path / name) for name in ("old", "new"))
    assert main(["differences", f"old={old}", f"again={old}"]) == 0
    assert main(["differences", f"old={old}", f"new={new}"]) == 1
    assert ["", "", "new", "500"] in rows(capsys.readouterr().out)
    assert main(["differences", old]) == 2
    assert main(["differences", f"old={tmp_path / 'nowhere'}"]) == 2
    said = capsys.readouterr().err
    assert "expected NAME=FILE" in said
    assert "can't be read" in said


def test_a_file_that_is_no_transcript_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "t").write_text('{"check": "V2-A-001"}\n')
    with pytest.raises(ValueError, match="line 1 is no line of a transcript"):
        transcript.read(tmp_path / "t")


def test_requests_that_come_at_once_have_their_own_numbers(
    server: RightServer, target: Target
) -> None:
    """Else the answer to one would stand for those to others."""
    came = []

    async def wait_for_all(request: http.Request, proceed: http.Handler) -> http.Answer:
        came.append(1)
        while len(came) < 8:
            await asyncio.sleep(0.01)
        return await proceed(request)

    with Session(target) as session:
        server.rest_fault = wait_for_all
        outcome = session.judge(catalogue.load()["V2-ERROR-010"])
    assert sorted(each.number for each in outcome.seen) == [*range(1, 9)]
