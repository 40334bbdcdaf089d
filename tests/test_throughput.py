"""The results of the benchmark that are in the repository, and what is said of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from kserve_conformance.errors import ExitCode

from benchmarks import speed_page, throughput, ways
from benchmarks.contenders import CONTENDERS, DIRECTLY, NAMES
from matrix.planning import axes

SCHEMA = json.loads(throughput.RESULTS.with_name("throughput.schema.json").read_text())
MEASURED_SO = {"kserve": "0.13.1", "way": "V1", "body": "31 B", "body_bytes": 31}
FIGURES = {
    "requests_per_second": 900.0,
    "ratio": 0.9,
    "p50_ms": 1.1,
    "p50_above_ms": 0.1,
    "p99_ms": 2.0,
    "p99_ratio": 1.4,
    "cpu_us": 140.0,
    "java_cpu_us": 300.0,
    "worker_cpu_us": 200.0,
}


@pytest.fixture(scope="module")
def told() -> Any:
    return json.loads(throughput.RESULTS.read_text())


def made(left_out: Any = ()) -> dict[str, Any]:
    """Make results of one release and one way."""
    rows = [
        {**MEASURED_SO, "connections": number, "subject": subject, **FIGURES}
        for number in (1, 16, 64)
        for subject in NAMES
    ]
    machine = {"system": "Linux", "cores": 2}
    about = {"date": "2026-11-30", "machine": machine, "torchserve": "0.12.0"}
    times = {"seconds": 2, "rounds": 3}
    return {"schema": 2, **about, **times, "left_out": list(left_out), "rows": rows}


def test_the_results_keep_their_schema(told: Any) -> None:
    jsonschema_rs.validate(SCHEMA, told)
    jsonschema_rs.validate(SCHEMA, made())


@pytest.mark.parametrize(
    ("key", "value"), [("ratio", -1), ("cpu_us", 0), ("way", "V3"), ("subject", "another")]
)
def test_a_broken_result_breaks_the_schema(key: str, value: object) -> None:
    broken = made()
    broken["rows"][0][key] = value
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.validate(SCHEMA, broken)


def test_the_readme_shows_the_results(told: Any) -> None:
    table = speed_page.table(told)
    assert table in speed_page.README.read_text()
    assert len(table.splitlines()) <= 2 + 8


def test_the_page_and_its_plots_show_the_results(told: Any) -> None:
    files = speed_page.files(told)
    for name, text in files.items():
        written = (speed_page.DOCS / name).read_text()
        assert written == text, f"{name}: run python -m benchmarks.speed_page"
    assert {path.name for path in speed_page.DOCS.glob("speed*")} == set(files)
    assert all(name in files["speed.md"] for name in files if name.endswith(".svg"))


def test_all_that_is_asked_for_was_measured_or_left_out_with_its_reason(told: Any) -> None:
    keys = ("kserve", "way", "body", "connections", "subject")
    measured = {tuple(row[key] for key in keys) for row in told["rows"]}
    left_out = [tuple(each[key] for key in keys) for each in told["left_out"]]
    newest = axes.load().profile("all")[-1]
    for release in throughput.RELEASES:
        kserve = newest if release == "newest" else release
        for way in ways.every():
            subjects = (DIRECTLY, *(each.name for each in CONTENDERS if each.takes(way)))
            for connections in way.connections:
                for subject in subjects:
                    place = (kserve, way.name, way.body, connections, subject)
                    assert place in measured or any(_covers(each, place) for each in left_out)


def _covers(left_out: tuple[Any, ...], place: tuple[Any, ...]) -> bool:
    return all(told in (None, own) for told, own in zip(left_out, place, strict=True))


def test_what_misses_its_target_is_bold_and_what_is_missing_is_told() -> None:
    results = made()
    for row in results["rows"]:
        if row["subject"] == "wrapper" and row["connections"] == 1:
            row["cpu_us"] = 201.0
    page = speed_page.files(results)["speed.md"]
    missing = "not measured"
    cells = [missing, "**201 µs**", missing, missing]
    assert f"| V1, 31 B | 1 | CPU | at most 200 µs | {' | '.join(cells)} |" in page
    cells[1] = "140 µs"
    assert f"| V1, 31 B | 16 | CPU | at most 150 µs | {' | '.join(cells)} |" in page


def test_each_contender_has_a_row_with_its_figures_by_how_many_are_at_once() -> None:
    results = made()
    for row in results["rows"]:
        if row["subject"] == "floor":
            row["cpu_us"] = 80.0 + row["connections"]
    page = speed_page.files(results)["speed.md"]
    assert "| 0.13.1 | floor | 81 µs · 96 µs · 144 µs | 0.10 ms · 0.10 ms · 0.10 ms |" in page
    assert "Each with 1, 16 and 64 requests at once." in page
    assert "## What is left out" not in page


def test_what_is_left_out_is_told_with_its_reason() -> None:
    place = {"kserve": "0.21.0", "way": None, "body": None, "connections": None}
    page = speed_page.files(made([{**place, "subject": "usual design", "why": "a | b"}]))
    assert "| 0.21.0 | usual design | all | all | a \\| b |" in page["speed.md"]


def test_the_readme_has_a_row_for_each_release_and_one_for_each_further_way() -> None:
    results = made()
    further = [
        {**row, "way": "gRPC", "body": "1 MB of FP32"}
        for row in results["rows"]
        if row["connections"] < 64
    ]
    _, _, *rows = speed_page.table({**results, "rows": results["rows"] + further}).splitlines()
    figures = "140 µs (140 µs) | 140 µs (140 µs) | 0.10 ms | 0.90 |"
    assert rows == [
        f"| 0.13.1 | V1, 31 B | {figures} 0.90 | 1.4 |",
        f"| 0.13.1 | gRPC, 1 MB of FP32 | {figures} - | 1.4 |",
    ]


def test_what_is_written_of_results_takes_the_old_tables_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = speed_page.table(made())
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n\n{old}\nafter\n")
    monkeypatch.setattr(speed_page, "README", readme)
    monkeypatch.setattr(speed_page, "DOCS", tmp_path)
    results = made()
    results["rows"] = [{**row, "cpu_us": 99.0} for row in results["rows"]]
    speed_page.write(results)
    assert readme.read_text() == f"before\n\n{speed_page.table(results)}\nafter\n" != old
    assert {path.name for path in tmp_path.iterdir()} == {"README.md", *speed_page.files(results)}


def test_without_a_load_generator_nothing_is_started(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    out = tmp_path / "throughput.json"
    assert throughput.main([f"--out={out}"]) == ExitCode.NOT_KNOWN
    assert capsys.readouterr().err == "error: wrk is not installed: apt-get install wrk\n"
    assert not out.exists()
