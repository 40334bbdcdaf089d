"""The access log has the lines that `logging` would have made, byte for byte."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Iterator

import pytest
from uvicorn.logging import AccessFormatter

from wrapper.sdk.uvicorn_access_log import AccessLog

# As the SDKs have it, uvicorn itself, and people who give a configuration of their own.
SDK = (
    "%(asctime)s.%(msecs)03d %(name)s %(levelprefix)s %(client_addr)s %(process)s - "
    '"%(request_line)s" %(status_code)s'
)
FORMATS = {
    "the SDK's": AccessFormatter(SDK, "%Y-%m-%d %H:%M:%S", use_colors=False),
    "of few": AccessFormatter(
        "%(levelname)s %(threadName)s %(status_code)s", "%H", use_colors=False
    ),
    "uvicorn's": AccessFormatter(
        '%(levelprefix)s %(client_addr)s - "%(request_line)s" %(status_code)s', use_colors=False
    ),
    "in colours": AccessFormatter(SDK, "%H:%M", use_colors=True),
    "with braces": AccessFormatter("{asctime} {request_line}", "%H", style="{", use_colors=False),
    "with the time as it comes": AccessFormatter("%(asctime)s %(request_line)s", use_colors=False),
    "with a place": AccessFormatter("%(levelno)s %(process)s %(request_line)s %(name)s", "%S"),
    "another's": logging.Formatter("%(asctime)s %(message)s"),
}
TOLD = (
    ("192.0.2.1:1234", "POST", "/v1/models/d%25:predict?a=%20", "1.1", 200),
    ("", "GET", "/", "1.0", 404),
    ("[2001:db8::1]:5", "HEAD", "/v2", "1.1", 599),
)


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """A log that nobody else has."""
    made = logging.Logger("uvicorn.access", logging.INFO)
    yield made
    for handler in made.handlers:
        handler.close()


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each line at the same moment."""
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.987)
    monkeypatch.setattr(time, "time_ns", lambda: 1_800_000_000_987_000_000)


def _written(logger: logging.Logger, formatter: logging.Formatter, own: bool) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger.handlers = [handler]
    log = AccessLog(logger)
    for told in TOLD:
        if own:
            log.tell(*told)
        else:
            logger.info('%s - "%s %s HTTP/%s" %d', *told)
    return stream.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
def test_each_line_is_as_ever(kind: str, logger: logging.Logger) -> None:
    lines = [_written(logger, FORMATS[kind], own) for own in (True, False)]
    assert lines[0] == lines[1]
    assert lines[0].count("\n") == len(TOLD)


def test_what_the_sdk_set_up_needs_no_record(
    logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logger, "_log", None)
    assert "/v1/models" in _written(logger, FORMATS["the SDK's"], True)


def test_a_log_that_is_off_stays_so(logger: logging.Logger) -> None:
    logger.setLevel(logging.WARNING)
    assert _written(logger, FORMATS["the SDK's"], True) == ""
    logger.setLevel(logging.INFO)
    logger.addFilter(lambda _: False)
    assert _written(logger, FORMATS["the SDK's"], True) == ""


def test_a_handler_that_is_added_is_seen_within_a_second(
    logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = [io.StringIO(), io.StringIO()]
    handlers = [logging.StreamHandler(each) for each in streams]
    logger.addHandler(handlers[0])
    handlers[0].setFormatter(FORMATS["the SDK's"])
    log = AccessLog(logger)
    log.tell(*TOLD[0])
    logger.addHandler(handlers[1])
    monkeypatch.setattr(time, "time", lambda: 1_800_000_001.0)
    log.tell(*TOLD[0])
    assert [each.getvalue().count("\n") for each in streams] == [2, 1]


def test_a_stream_that_is_closed_is_told_by_logging(
    logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(FORMATS["the SDK's"])
    logger.addHandler(handler)
    stream.close()
    AccessLog(logger).tell(*TOLD[0])
    assert "--- Logging error ---" in capsys.readouterr().err
