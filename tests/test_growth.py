"""What is measured of the matrix's growth, and what docs/growth.md says of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from kserve_conformance.errors import ExitCode, WrongUsage
from kserve_conformance.results import results_file
from kserve_conformance.results.record import Run

from benchmarks import growth, growth_page
from matrix.planning import axes, shards
from tests import processes
from tests.matrix import forked_worker, real_results, runs, variants, with_addopts
from tests.matrix.gate import gate_cases
from tests.matrix.given_torchserve import PYTHON
from tests.matrix.running.test_run import TINY

DOCS = Path(__file__).resolve().parents[1] / "docs"
SCHEMA = json.loads(growth.RESULTS.with_name("growth.schema.json").read_text())


@pytest.fixture(scope="module")
def told() -> Any:
    return json.loads(growth.RESULTS.read_text())


def test_the_results_keep_their_schema(told: Any) -> None:
    jsonschema_rs.validate(SCHEMA, told)


def test_the_page_and_its_plots_show_the_results(told: Any) -> None:
    files = growth_page.files(told)
    assert "growth.md" in files
    for name, text in files.items():
        assert (DOCS / name).read_text() == text, f"{name}: run python -m benchmarks.growth page"
    assert {path.name for path in DOCS.glob("growth*")} == set(files)
    assert all(name in files["growth.md"] for name in files if name.endswith(".svg"))


@pytest.fixture(scope="module")
def two() -> Run:
    """Give a part of a real run that is of two releases, and is written and read quickly."""
    whole = results_file.read(real_results.path("process"))
    return variants.with_one_protocol(gate_cases.of_two_releases(whole), "unset")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs of the tiny wrapper be made, before nothing that anybody has to start or make."""
    more = {PYTHON: sys.executable, forked_worker.VARIABLE: "1"}
    given = runs.environment(runs.nowhere(), more)

    def run(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return processes.run([with_addopts.MODULE, *words], env=given)

    monkeypatch.setattr(growth, "run_matrix", run)


BASE = ("--protocol=v3", "--check=refusal-line", "--runtime=process")


def test_a_run_is_that_of_a_command_of_the_matrix() -> None:
    cell = "kserve0.9.0-v3-kserve-torchserve0.12.0"
    ran = growth.run_matrix(["run", "--list", "--cell", cell])
    assert (ran.returncode, ran.stdout) == (ExitCode.AS_EXPECTED, f"{cell}\n")


def test_time_is_that_of_multiples_of_the_base(quick: None, tmp_path: Path) -> None:
    out, asked = tmp_path / "growth.json", ("--times=1,2", "--jobs=1")
    base = (*BASE, f"--wrapper={TINY}")
    code = growth.main([f"--out={out}", f"--docs={tmp_path}", "time", *asked, "--", *base])
    assert code == ExitCode.AS_EXPECTED
    told = json.loads(out.read_text())
    jsonschema_rs.validate(SCHEMA, told)
    rows = [(row["times"], row["jobs"], row["cells"]) for row in told["time"]["kserve"]["rows"]]
    usual = shards.jobs_here()
    assert rows == [(1, usual, 1), (2, usual, 2), (1, 1, 1)]
    page = (tmp_path / "growth.md").read_text()
    assert "on the newest KServe release; a multiple of it is run on as many of the newest" in page
    assert "## Time, by KServe releases" in page
    assert (tmp_path / "growth-cells-kserve.svg").exists()
    assert (tmp_path / "growth-jobs-kserve.svg").exists()
    # One way of growing takes no other's place, and one number of jobs is no plot.
    repeated = ("--by=repeat", "--times=2", f"--jobs={usual}", "--", *base, "--kserve=newest")
    code = growth.main([f"--out={out}", f"--docs={tmp_path}", "time", *repeated])
    assert code == ExitCode.AS_EXPECTED
    told = json.loads(out.read_text())
    jsonschema_rs.validate(SCHEMA, told)
    assert [row["cells"] for part in told["time"].values() for row in part["rows"]] == [1, 2, 1, 2]
    assert (tmp_path / "growth-cells-repeat.svg").exists()
    assert not (tmp_path / "growth-jobs-repeat.svg").exists()


def test_a_run_that_is_not_as_expected_is_not_measured(
    quick: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "growth.json"
    base = (*BASE, "--check=refusal-exit-code", f"--wrapper={TINY} --exit-code 1")
    code = growth.main([f"--out={out}", f"--docs={tmp_path}", "time", "--times=1", "--", *base])
    assert code == ExitCode.NOT_KNOWN
    assert "ended with exit code 1, and what isn't as expected" in capsys.readouterr().err
    assert not out.exists()


def test_sizes_are_of_the_run_its_parts_and_its_multiples(two: Run, tmp_path: Path) -> None:
    given, out = tmp_path / "results.jsonl", tmp_path / "growth.json"
    results_file.write(given, two)
    places = (f"--out={out}", f"--docs={tmp_path}")
    asked = ("--releases=1,2", "--times=1,3", f"--results={given}")
    assert growth.main([*places, "size", *asked]) == ExitCode.AS_EXPECTED
    told = json.loads(out.read_text())
    jsonschema_rs.validate(SCHEMA, told)
    part, whole, repeated = told["size"]["rows"]
    assert 0 < part["checks"] < whole["checks"] == len(two.records)
    assert repeated["checks"] == 3 * whole["checks"]
    assert whole["results_bytes"] == given.stat().st_size
    assert repeated["results_bytes"] > 2.9 * whole["results_bytes"]
    assert part["page_bytes"] < whole["page_bytes"] < repeated["page_bytes"]
    assert [row["made_up"] for row in told["size"]["rows"]] == [False, False, True]
    # What was measured before stays.
    assert growth.main([*places, "page"]) == ExitCode.AS_EXPECTED
    assert json.loads(out.read_text()) == told


def test_a_repeated_run_is_whole_and_its_attempts_differ(two: Run) -> None:
    made = growth.repeated(two, 2)
    assert not made.cut_short
    assert made.missing() == []
    first, second = ([each.seconds for each in made.records if each.attempt == n] for n in (1, 2))
    assert first == [each.seconds for each in two.records]
    assert sorted(second) == sorted(first) != second


@pytest.mark.parametrize(
    ("by", "times", "arguments"),
    [
        ("kserve", 2, ["--kserve={0}", "--kserve={1}"]),
        ("repeat", 3, ["--repeat=3", "--start=exact"]),
    ],
)
def test_multiples(by: str, times: int, arguments: list[str]) -> None:
    newest = axes.load().profile("default")[-2:]
    assert growth.multiplied(by, times) == [each.format(*newest) for each in arguments]


def test_more_than_there_is_is_refused() -> None:
    with pytest.raises(WrongUsage, match=r"^--times 99: there are \d+ releases of torchserve$"):
        growth.multiplied("torchserve", 99)


def test_results_that_cant_be_read_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "none.jsonl.xz"
    out = (f"--out={tmp_path / 'growth.json'}", f"--docs={tmp_path}")
    assert growth.main([*out, "size", f"--results={missing}"]) == ExitCode.WRONG_USAGE
    assert capsys.readouterr().err.startswith(f"error: --results {missing} can't be read: ")
