"""What commands print changes nothing of what they find, read or not, in whatever encoding."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
from kserve_conformance.results import results_file
from kserve_conformance.results.record import Run
from kserve_conformance.results.verdict import Verdict

from tests import processes
from tests.matrix.gate.gate_cases import TODAY, one_cell, with_verdict


def ran(*words: str | Path, stdout: int | None = None, **more: str) -> tuple[int, str, str]:
    """Run a command and give its exit code, and what it wrote to both streams."""
    done = processes.run(["matrix", *words], env={**os.environ, **more}, stdout=stdout)
    return done.returncode, done.stdout, done.stderr


def nobody() -> int:
    """Give the end of a pipe of which nobody has the other."""
    read, write = os.pipe()
    os.close(read)
    return write


@pytest.fixture(scope="module")
def green(default_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the results of one cell, all as expected."""
    path = tmp_path_factory.mktemp("green") / "results.jsonl"
    results_file.write(path, one_cell(default_run))
    return path


@pytest.fixture(scope="module")
def red(default_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give results with a failure whose words no encoding holds."""
    run = with_verdict(one_cell(default_run), "v1-predict", Verdict.FAILED)
    records = [
        dataclasses.replace(each, message="half a pair: \ud83d, \N{SNOWMAN}")
        if each.verdict is Verdict.FAILED
        else each
        for each in run.records
    ]
    path = tmp_path_factory.mktemp("red") / "results.jsonl"
    results_file.write(path, dataclasses.replace(run, records=records))
    return path


@pytest.mark.parametrize(
    ("words", "code"),
    [
        # One cell is less than the policy wants.
        (("gate", f"--today={TODAY}"), 3),
        (("summary",), 0),
        (("can-i-upgrade", "0.9.0", "0.13.1", "--results"), 3),
        (("plan", "--timings"), 0),
        (("run", "--list", "--out"), 0),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_who_reads_no_further_changes_no_exit_code(
    words: tuple[str, ...], code: int, green: Path
) -> None:
    writes = nobody()
    ended, _, said = ran(*words, green, stdout=writes)
    os.close(writes)
    assert (ended, said) == (code, "")


def test_the_statement_is_written_also_where_nobody_reads(green: Path, tmp_path: Path) -> None:
    attested = tmp_path / "statement.json"
    writes = nobody()
    ended, *_ = ran("gate", green, "--attest", attested, f"--today={TODAY}", stdout=writes)
    os.close(writes)
    assert ended == 3
    assert '"result": ' in attested.read_text()


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
@pytest.mark.parametrize("command", ["gate", "summary"])
def test_a_sign_that_an_encoding_lacks_is_shown_as_its_escape(
    command: str, encoding: str, red: Path
) -> None:
    code, told, said = ran(command, red, PYTHONIOENCODING=encoding)
    assert (code, said) == (1, "")
    assert r"half a pair: \ud83d" in told
