"""TorchServe's error answers keep their meaning for the client of the wrapper."""

import json
import re
from pathlib import Path

import pytest

from wrapper import grpc_codes
from wrapper.errors import ServingError
from wrapper.torchserve import error_table
from wrapper.torchserve.error_table import Again, Case, Limits

LIMIT = 6553500
LIMITS = Limits(LIMIT, 6553501)
PAGE = Path(__file__).parents[3] / "docs" / "errors.md"


def _answered(status: int, message: str) -> ServingError:
    return error_table.from_answer(status, json.dumps({"message": message}).encode(), LIMITS)


@pytest.mark.parametrize(
    ("status", "message", "told"),
    [
        (400, "Missing required parameter", 400),
        (400, "Token Authorization failed. Token either incorrect, expired", 503),
        (404, "Model not found: m", 404),
        (405, "Requested method is not allowed", 405),
        (408, "", 504),
        (413, "", 413),
        (418, "a handler's own", 418),
        (429, "", 429),
        (500, "Worker died.", 502),
        (507, "Worker died.", 503),
        (503, "Prediction failed", 500),
        (503, 'Model "m" has no worker to serve inference request.', 503),
        (503, "Service unavailable", 503),
        (507, "Out of memory", 503),
        (302, "", 502),
    ],
)
def test_a_status_is_told_as_what_it_means(status: int, message: str, told: int) -> None:
    assert _answered(status, message).status == told


@pytest.mark.parametrize(
    ("code", "message", "told"),
    [
        ("INVALID_ARGUMENT", "bad", 400),
        ("NOT_FOUND", "Model not found: m", 404),
        ("INTERNAL", "Model version: 3 does not exist for model: m\nModelVersionNotFound", 404),
        ("RESOURCE_EXHAUSTED", "gRPC message exceeds maximum size", 413),
        ("RESOURCE_EXHAUSTED", "Worker died.\norg.pytorch.serve.http.InternalServerException", 503),
        ("INTERNAL", "Worker died.\norg.pytorch.serve.http.InternalServerException", 502),
        ("INTERNAL", "Prediction failed\nInternalServerException.()", 500),
        ("INTERNAL", 'Model "m" has no worker to serve inference request.', 503),
        ("INTERNAL", "Token Authorization failed. Token either incorrect", 503),
        ("UNAVAILABLE", "", 503),
        ("ABORTED", "", 502),
    ],
)
def test_a_code_is_told_as_what_it_means(code: str, message: str, told: int) -> None:
    assert error_table.from_status(code, message, LIMITS).status == told


@pytest.mark.parametrize(
    ("code", "details", "size", "case"),
    [
        ("UNAVAILABLE", "failed to connect to all addresses", 1, Case.UNREACHABLE),
        ("UNAVAILABLE", "Socket closed", 1, Case.INTERRUPTED),
        ("UNAVAILABLE", "Prediction failed\norg.pytorch.serve.Exception", 1, Case.MODEL_FAILED),
        ("UNAVAILABLE", "can't connect\norg.pytorch.serve.Exception", 1, Case.NOT_AVAILABLE),
        ("DEADLINE_EXCEEDED", "Deadline Exceeded", 1, Case.TIMED_OUT),
        ("CANCELLED", "", LIMIT, Case.INTERRUPTED),
        ("CANCELLED", "", LIMIT + 1, Case.REQUEST_TOO_LARGE),
        ("INTERNAL", "Worker died.", 1, Case.WORKER_DIED),
    ],
)
def test_what_grpc_says_by_itself_is_told_from_what_torchserve_says(
    code: str, details: str, size: int, case: Case
) -> None:
    assert error_table.from_call(code, details, size, LIMITS).case is case


def test_each_case_has_a_row_and_the_last_is_for_what_fits_none() -> None:
    cases = [row.case for row in error_table.TABLE]
    assert sorted(cases, key=list(Case).index) == list(Case)
    assert cases[-1] is Case.UNLISTED


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"message": 1}'])
def test_a_body_without_a_message_still_gives_a_sentence(body: bytes) -> None:
    assert error_table.from_answer(503, body, LIMITS).message.endswith("it doesn't say why")


def test_a_413_names_the_property_and_its_value() -> None:
    assert "max_request_size is 6553500 bytes" in error_table.from_answer(413, b"", LIMITS).message


def test_a_worker_that_died_names_the_limit_of_answers() -> None:
    assert "max_response_size, 6553501 bytes" in _answered(500, "Worker died.").message


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("can't reach http://127.0.0.1:8085/models now", "can't reach ... now"),
        ("no /home/model-server/tmp/a.py", "no ..."),
        ("10.0.0.1:8080 refused", "... refused"),
        ("org.pytorch.serve.http.BadRequestException: bad", "bad"),
        ("first\nsecond", "first"),
        ("a ratio of 1/2", "a ratio of 1/2"),
    ],
)
def test_internals_of_the_pod_are_not_told(said: str, told: str) -> None:
    assert error_table.without_internals(said) == told


def test_503_is_what_may_be_sent_again_and_nothing_else() -> None:
    """As gateways and clients do with it by default, and with nothing else (docs/errors.md)."""
    repeated = {row.case for row in error_table.TABLE if row.status == 503}
    assert repeated == {row.case for row in error_table.TABLE if row.again is Again.YES}
    codes = {_code_of(row) for row in error_table.TABLE if row.case not in repeated}
    assert not {"UNAVAILABLE", "CANCELLED"} & codes


def _code_of(row: error_table.Row) -> str:
    return grpc_codes.name_of(ServingError(row.status, "", row.retry_after))


def test_every_row_of_the_page_says_whether_it_may_be_sent_again() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\|.* \| (\d+|-) \| ([A-Z_]+|-) \| ([a-z ]+)(?: \||$)", page, re.MULTILINE)
    assert len(rows) > 40
    for status, code, again in rows:
        assert again in {each.value for each in Again}
        assert (status == "503") == (again == Again.YES.value), (status, code)
        assert code != "UNAVAILABLE" or status == "503"


def test_the_page_shows_each_row_of_the_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rows = [row for row in error_table.TABLE if row.rest]
    for row in rows:
        cell = f"| {row.case.value} |"
        lines = [line for line in page.splitlines() if line.startswith(cell)]
        told = f"| {row.status} | {_code_of(row)} | {row.again.value} | {row.sentence} |"
        assert [line for line in lines if line.endswith(told)] == lines[:1], row.case.value
    names = set(re.findall(r"^\| ([a-z ]+) \| TorchServe:", page, re.MULTILINE))
    assert names == {row.case.value for row in rows}
