"""The logs that a record keeps: of its check's moment, in whole lines, without secrets."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from kserve_conformance.results.record import Record

from matrix.running.launch import RunningWrapper
from matrix.running.logs import last_lines
from matrix.running.timing import BEGINS, Watch
from tests.matrix import runs

CELL = "kserve0.13.1-unset-kserve-torchserve0.12.0"
# What the wrapper is told by the check `forwarded-headers` alone.
SECRETS = ("Bearer of-the-client", "session=of-the-client", "of-the-client")


class Writing(RunningWrapper):
    """A wrapper of which only its log is there."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def says(self, text: str) -> None:
        with self._log.open("a", encoding="utf-8") as log:
            log.write(text)


@pytest.fixture
def wrapper(tmp_path: Path) -> Writing:
    log = tmp_path / "wrapper.log"
    log.touch()
    return Writing(log)


def test_a_moment_holds_what_was_written_while_it_lasted(wrapper: Writing) -> None:
    wrapper.says("of the check before: é\n")
    watch = Watch(lambda: wrapper)
    assert watch.moment().log == ""
    wrapper.says("of this check: 漢\n")
    moment = watch.moment()
    assert moment.log == "of this check: 漢\n"
    assert moment.began <= moment.ended
    wrapper.says("of the check after\n")
    assert Watch(lambda: wrapper).moment().log == ""


def test_what_led_to_a_moment_is_told_before_it_in_whole_lines(wrapper: Writing) -> None:
    assert Watch(lambda: wrapper).moment().whole_log == ""
    wrapper.says("a line that is too long ago\n" + "x" * 980 + "\nmodel m is not ready\n")
    watch = Watch(lambda: wrapper)
    wrapper.says("503\n")
    assert watch.moment().whole_log == "model m is not ready\n--- the check begins ---\n503\n"


def test_a_wrapper_that_a_check_starts_is_watched_from_its_first_line(wrapper: Writing) -> None:
    started: list[RunningWrapper] = []
    watch = Watch(lambda: started[0] if started else None)
    assert watch.moment().log == ""
    wrapper.says("starts\n")
    started.append(wrapper)
    assert watch.moment().log == "starts\n"


@pytest.mark.parametrize(
    ("log", "longest", "kept"),
    [
        ("", 5, ""),
        ("one\ntwo\n", 8, "one\ntwo\n"),
        ("one\ntwo\n", 7, "two\n"),
        ("one\ntwo\n", 4, "two\n"),
        ("one\ntwo\n", 3, "two"),
        ("one\ntwo", 3, "two"),
        ("authorization: Bearer x\nshort\n", 20, "short\n"),
        ("authorization: Bearer x\n", 15, "authorization: "),
        # Without its secrets it is short enough, and of a folded header no half is left.
        ("password=s3cret-of-the-client\nx\n", 20, "password=***\nx\n"),
        ("cookie: a=s3cret\n b=s3cret\nshort\n", 20, "cookie: ***\nshort\n"),
        ("cookie: a=s3cret\n b=s3cret\nshort\n", 17, "short\n"),
        ("as hf_abCDabCDabCDabCDabCD", 12, "as ***"),
    ],
)
def test_the_end_of_a_log_is_whole_lines(log: str, longest: int, kept: str) -> None:
    assert last_lines(log, longest) == kept


def test_a_wrapper_that_ends_tells_whole_lines_without_secrets(tmp_path: Path) -> None:
    log = tmp_path / "wrapper.log"
    log.write_text("HF_TOKEN=s3cret\n" + "x" * 3990 + "\nlast\n")
    with subprocess.Popen(["true"]) as process:
        ended = RunningWrapper(process, log, 1, 2)
    assert ended.log_tail() == "x" * 3990 + "\nlast\n"
    log.write_text("x" * 4000 + "\nauthorization: Bearer " + "s3cret" * 700)
    assert ended.log_tail() == "authorization: ***"


def _run(
    wrapper: str,
    checks: tuple[str, ...],
    folder: Path,
    given: Mapping[str, Any] | None = None,
) -> Mapping[str, Record]:
    ran = runs.run(
        folder,
        "--runtime=process",
        f"--cell={CELL}",
        f"--wrapper={{python}} -m fixtures.wrappers.{wrapper}",
        *(f"--check={check}" for check in checks),
        given=given,
    )
    assert ran.exit_code == 1, ran.output
    return {record.check: record for record in ran.results.records}


def _logs(record: Record) -> tuple[str, str]:
    """Give what both wrote while the check was made, without what led to it."""
    evidence: Mapping[str, Any] = record.evidence
    log: str = evidence.get("wrapper_log", "")
    return log.rpartition(BEGINS)[2], evidence.get("torchserve_log", "")


@pytest.mark.integration
@pytest.mark.timeout(600)
def test_logs_are_of_the_check_alone(tmp_path: Path) -> None:
    asked = {
        "v1-explain": '"POST /v1/models/contract%3Aexplain ',
        "metadata-routes": '"GET /v2 ',
        "repository-routes": '"POST /v2/repository/index ',
        "unknown-paths": '"GET /v1 ',
    }
    others_too = ("model-ready", "v1-predict", "v1-digits-tensor")
    records = _run("unfixed", (*asked, *others_too), tmp_path)
    for check, request in asked.items():
        wrapper_log, torchserve_log = _logs(records[check])
        assert request in wrapper_log
        others = [each for each in asked.values() if each != request]
        assert not [each for each in others if each in wrapper_log], check
        # What this wrapper answers by itself never reaches TorchServe.
        assert bool(torchserve_log) is (check == "v1-explain")
    # One request each, of one model each.
    digits, contract = records["v1-digits-tensor"], records["v1-explain"]
    assert "W-9001-digits" in _logs(digits)[1]
    assert "digits" not in _logs(contract)[1]
    assert _logs(records["model-ready"]) == ("", ""), "what is as expected needs no log"
    assert "None is not a valid PredictorProtocol" in _logs(records["v1-predict"])[0]


@pytest.mark.integration
@pytest.mark.timeout(600)
def test_a_secret_that_was_forwarded_is_told_without_itself(tmp_path: Path) -> None:
    checks = ("forwarded-headers", "request-headers-stay")
    lent = runs.lent("kserve")
    records = _run("mutants forwards_every_header", checks, tmp_path, given=lent)
    record = records["forwarded-headers"]
    assert record.observed == {**record.expected, "authorization": "***", "cookie": "***"}
    (exchange,) = record.evidence["exchanges"]
    for header in ("authorization: ***", "cookie: ***", "x-request-id: request-23"):
        assert header in exchange["request"]
    for file in ("results.jsonl", "junit.xml"):
        text = (tmp_path / file).read_text(encoding="utf-8")
        assert not [secret for secret in SECRETS if secret in text], file
