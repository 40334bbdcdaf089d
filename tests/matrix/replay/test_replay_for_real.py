"""``python -m matrix replay`` with a real TorchServe: the original bug again, from its results."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kserve_conformance.results.record import Header
from kserve_conformance.results.results_file import Writer, read

from tests import processes
from tests.matrix import runs, with_addopts

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

CELL = "kserve0.11.2-unset-kserve-torchserve0.12.0"
WORDS = "None is not a valid PredictorProtocol"


@pytest.fixture(scope="module")
def unfixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the wrapper that has the bug on one cell; give the results' folder."""
    folder = tmp_path_factory.mktemp("unfixed")
    ran = runs.run(
        folder,
        "--wrapper={python} -m fixtures.wrappers.unfixed",
        "--wrapper-name=unfixed",
        f"--cell={CELL}",
        *("--check=v1-predict", "--check=starts", "--check=V1-PREDICT-001"),
        "--runtime=process",
        given=runs.lent("kserve"),
    )
    assert ran.exit_code == 1, ran.output
    return folder


def words(results: Path, out: Path, *arguments: str) -> list[str]:
    """Give the command of a replay, behind ``python -m``."""
    given = [CELL, f"--results={results}", f"--out={out}", *arguments]
    return [with_addopts.MODULE, "replay", *given]


def replay(results: Path, out: Path, *arguments: str) -> tuple[int, str]:
    """Replay to the end; give the exit code and all that was printed."""
    given = runs.lent("kserve")
    ran = processes.run(words(results, out, *arguments), env=runs.environment(given))
    return ran.returncode, ran.stdout + ran.stderr


@contextmanager
def kept(results: Path, out: Path) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Replay with --keep; give the process that holds the wrapper and the lines until then."""
    with subprocess.Popen(
        processes.command(words(results, out, "--keep")),
        cwd=runs.REPOSITORY,
        env=runs.environment(None),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines: list[str] = []
        try:
            for line in process.stdout:
                lines.append(line.rstrip("\n"))
                if "the wrapper answers at " in line:
                    break
            yield process, lines
        finally:
            process.send_signal(signal.SIGINT)
            # It says that it ends: to a pipe that nobody reads it would end with an error.
            process.stdout.read()


def ask(line: str) -> str:
    """Run a printed line, as a person who pastes it."""
    ran = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60)
    return ran.stdout


def test_what_failed_fails_again_in_the_same_words(unfixed: Path, tmp_path: Path) -> None:
    code, output = replay(unfixed, tmp_path)
    assert code == 1, output
    assert "v1-predict: reproduced\n" in output
    assert f'answered: 500 {{"error":"ValueError : {WORDS}"}}' in output
    assert "starts: " not in output
    assert "1 of 1 checks came to the same as then" in output
    header = read(tmp_path / "results.jsonl").header
    assert _ground(header) == _ground(read(unfixed / "results.jsonl").header)


def test_a_check_that_is_named_is_made_though_it_passed(unfixed: Path, tmp_path: Path) -> None:
    code, output = replay(unfixed, tmp_path, "--check=starts", "--check=V1-PREDICT-001")
    assert code == 0, output
    assert "starts: reproduced\n  then: passed\n  now:  passed\n" in output
    assert "V1-PREDICT-001: reproduced" in output
    assert "v1-predict" not in output


@pytest.mark.container
def test_the_printed_line_gets_the_same_answer_from_what_is_kept(
    unfixed: Path, tmp_path: Path
) -> None:
    with kept(unfixed, tmp_path) as (process, lines):
        line = next(each for each in lines if each.startswith("  curl "))
        answer = ask(line)
    assert process.wait(60) == 1
    assert answer.startswith("HTTP/1.1 500 ")
    assert WORDS in answer
    deadline = time.monotonic() + 30
    while ask(line):
        assert time.monotonic() < deadline, "the wrapper was left running"


def test_other_packages_of_torchserve_are_refused_and_run_when_told_so(
    unfixed: Path, tmp_path: Path
) -> None:
    source = read(unfixed / "results.jsonl")
    others = [{**each, "identity": "sha256:" + "0" * 64} for each in source.header.torchserve]
    changed = tmp_path / "changed.jsonl"
    writer = Writer(changed, dataclasses.replace(source.header, torchserve=others))
    for record in source.records:
        writer.record(record)
    writer.finish("2026-01-01T00:00:00+00:00", 1)
    code, output = replay(changed, tmp_path / "out")
    assert code == 3, output
    assert "the packages of TorchServe 0.12.0 in the results are sha256:0000" in output
    assert not (tmp_path / "out").exists()
    code, output = replay(changed, tmp_path / "out", "--anyway", "--check=starts")
    assert code == 0, output
    assert "not the same: the packages of TorchServe 0.12.0" in output


def _ground(header: Header) -> tuple[object, ...]:
    return (header.runtime, header.torchserve, header.locks, header.wrapper)
