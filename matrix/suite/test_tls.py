"""What becomes of a start that asks for TLS on the port for REST."""

from __future__ import annotations

import contextlib
import string
from pathlib import Path

from kserve_conformance.asking.http_client import NoAnswer
from kserve_conformance.results.exhibit import Exhibit

from fixtures import certificates
from fixtures.certificates import FIRST, SECOND, certificate
from matrix.planning.cells import Cell
from matrix.planning.expectations import Expectations
from matrix.running.clients import RestClient
from matrix.running.launch import RunningWrapper
from matrix.running.refusal import output_of
from matrix.running.timing import seconds_until
from matrix.running.tls_client import TlsClient
from matrix.running.worker import Stage

_READY = (200, {"name": "contract", "ready": True})
# Seconds; the SDK watches the files, and takes a part of one.
_TAKEN_WITHIN = 30.0


def test_tls(stage: Stage, cell: Cell, expected: Expectations, exhibit: Exhibit) -> None:
    folder = stage.folder / cell.visit / "certificates"
    if expected.tls.served.holds(cell.axes()):
        _is_served(stage, cell, folder, exhibit)
    else:
        line = string.Template(expected.tls.refusal).substitute(kserve=cell.kserve)
        _is_refused(stage, cell, folder, line, exhibit)


def _is_served(stage: Stage, cell: Cell, folder: Path, exhibit: Exhibit) -> None:
    wrapper = stage.start_with(cell, certificates.use(FIRST, folder))
    try:
        _wait_until_known(wrapper, FIRST, stage.start_timeout)
        told = TlsClient(wrapper, [certificate(FIRST)], exhibit).get("/v1/models/contract")
        exhibit.equal(told, _READY, "readiness over TLS")
        exhibit.equal(_answers_in_plain_text(wrapper), False, "an answer in plain text")
        certificates.use(SECOND, folder)
        _wait_until_known(wrapper, SECOND, _TAKEN_WITHIN)
        told = TlsClient(wrapper, [certificate(SECOND)], exhibit).get("/v1/models/contract")
        exhibit.equal(told, _READY, "readiness by the certificate that replaced the first one")
    finally:
        stage.end(wrapper)


def _wait_until_known(wrapper: RunningWrapper, name: str, seconds: float) -> None:
    """Wait until the wrapper calls a model ready, and is known by one certificate alone."""
    # What is asked in vain is no evidence.
    client = TlsClient(wrapper, [certificate(name)], Exhibit())

    def is_known() -> bool:
        if wrapper.exit_code() is not None:
            raise wrapper.failure(f"ended with exit code {wrapper.exit_code()}")
        with contextlib.suppress(NoAnswer):
            return client.get("/v1/models/contract")[0] == 200
        # It won't come later.
        assert not _answers_in_plain_text(wrapper), "it serves plain HTTP, and was to serve TLS"
        return False

    seconds_until(is_known, seconds, f"an answer over TLS by the {name} certificate")


def _answers_in_plain_text(wrapper: RunningWrapper) -> bool:
    with contextlib.suppress(NoAnswer):
        RestClient(wrapper, Exhibit()).get("/v2/health/live")
        return True
    return False


def _is_refused(stage: Stage, cell: Cell, folder: Path, line: str, exhibit: Exhibit) -> None:
    refusal = stage.refusal_with(cell, certificates.use(FIRST, folder))
    exhibit.equal(list(refusal.opened_ports), [], "ports that were opened")
    exhibit.equal(refusal.exit_code, 2, "exit code (None: it had to be ended)")
    # The SDK is imported by then, and some of its releases have Python warn of their own packages.
    *_, last = refusal.stderr.splitlines(keepends=True) or [""]
    exhibit.equal({**refusal.output, "stderr": last}, output_of(line), "output, and the last of it")
    exhibit.equal(refusal.termination_line, line, "termination log")
