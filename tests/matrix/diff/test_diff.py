"""``python -m matrix diff``: what it prints, and with which exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema_rs
import pytest
from kserve_conformance.results import results_file
from kserve_conformance.results.record import Run
from kserve_conformance.results.verdict import Verdict

from matrix.commands import cli
from matrix.diff import changes
from tests import processes
from tests.matrix import real_results, variants
from tests.matrix.gate.gate_cases import changed, one_cell, repeated, with_header, with_verdict
from tests.matrix.telling import Matrix

CHECK = "v1-predict"
SCHEMA = Path(changes.__file__).with_name("changes.schema.json")
Told = Callable[..., tuple[int, list[str]]]


@pytest.fixture(scope="module")
def run(default_run: Run) -> Run:
    """Give the results of one cell, all of them as expected."""
    return one_cell(default_run)


@pytest.fixture
def told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Told:
    """Give what compares two runs: the exit code and the lines that are printed."""

    def diff(old: Run, new: Run, *arguments: str) -> tuple[int, list[str]]:
        paths = [tmp_path / name / "results.jsonl" for name in ("old", "new")]
        earlier = replace(old, header=replace(old.header, run="earlier"))
        for path, each in zip(paths, (earlier, new), strict=True):
            results_file.write(path, each)
        code = cli.main(["diff", *(str(path.parent) for path in paths), *arguments])
        return code, capsys.readouterr().out.splitlines()

    return diff


def test_the_same_results_have_changed_in_nothing(told: Told, run: Run) -> None:
    code, lines = told(run, run)
    assert code == 0
    assert lines[0] == "nothing changed"
    assert lines[-1].startswith("0 regressed, ")
    assert lines[-1].endswith(f"{len(run.records)} unchanged")


def test_a_run_compared_with_itself_is_said_to_be_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["diff", *([str(real_results.path("mutant"))] * 2)]) == 0
    assert capsys.readouterr().out.startswith("nothing changed: OLD and NEW are the same run\n")


def test_a_regression_is_told_with_where_and_what(told: Told, run: Run) -> None:
    code, lines = told(run, with_verdict(run, CHECK, Verdict.FAILED))
    assert code == 1
    assert lines[0] == "regressed: 1 check in 1 cell"
    at = lines.index(f"regressed: {CHECK}: passed \N{RIGHTWARDS ARROW} failed")
    assert lines[at + 1 : at + 4] == [
        "    where: everywhere (1 cell)",
        "    must: A V1 prediction is what TorchServe itself answers, for every instance in order.",
        "    now: of this test",
    ]


def test_a_regression_is_told_with_the_answer_of_the_wrapper(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    default, unfixed = (str(real_results.path(name)) for name in ("default", "unfixed"))
    assert cli.main(["diff", default, unfixed, "--common"]) == 1
    lines = capsys.readouterr().out.splitlines()
    words = '    answered: {"error":"ValueError : None is not a valid PredictorProtocol"}'
    before = lines[: lines.index(words)]
    assert "differs: wrapper: wrapper \N{RIGHTWARDS ARROW} unfixed" in before
    assert before[-4].startswith("regressed: v1-predict, v1-transport")
    assert before[-3] == (
        "    where: KServe 0.11.2, 0.13.1 with PROTOCOL_VERSION unset and envelope kserve, none "
        "(4 cells)"
    )
    assert any(line.endswith(": --all tells them") for line in lines)


def test_all_findings_are_told_on_demand(told: Told, unfixed_run: Run) -> None:
    run = variants.with_one_protocol(unfixed_run, "unset")
    code, lines = told(run, run, "--all")
    shortened = told(run, run)[1]
    assert code == 0
    assert not any("--all tells them" in line for line in lines)
    assert len(lines) > len(shortened)
    assert "changed in words only: " not in "\n".join(lines)


def test_what_is_fixed_or_gone_is_told_by_what_it_was(told: Told, run: Run) -> None:
    failing = with_verdict(run, CHECK, Verdict.FAILED)
    lines = told(failing, run)[1]
    assert lines[0] == "nothing regressed"
    assert lines[-1] == "    was: of this test"
    lines = told(failing, changed(run, lambda each: None if each.check == CHECK else each))[1]
    assert lines[-3:] == [
        f"gone: {CHECK}: failed \N{RIGHTWARDS ARROW} not made",
        "    where: everywhere (1 cell)",
        "    was: of this test",
    ]


def test_other_words_are_told_beside_one_another(told: Told, run: Run) -> None:
    def seen(what: str) -> Run:
        return changed(
            run, lambda each: replace(each, observed=what) if each.check == CHECK else each
        )

    lines = told(seen("before"), seen("since"))[1]
    assert lines[0] == "nothing regressed"
    assert lines[-2:] == ['    was: "before"', '    now: "since"']


def test_a_check_that_became_flaky_is_told_with_its_rates(told: Told, run: Run) -> None:
    code, lines = told(*(repeated(run, CHECK, bad, 10) for bad in ((), (2, 5, 6))))
    assert code == 1
    assert f"regressed: {CHECK}: passed \N{RIGHTWARDS ARROW} flaky" in lines
    assert "    attempts as they should be: 10 of 10 \N{RIGHTWARDS ARROW} 7 of 10" in lines


def test_what_is_not_held_against_the_wrapper_is_marked(told: Told, run: Run) -> None:
    failing = with_verdict(run, CHECK, Verdict.FAILED)
    code, lines = told(run, changed(failing, lambda each: replace(each, binding=False)))
    assert code == 0
    assert lines[0] == "nothing regressed"
    assert f"regressed: {CHECK}: passed \N{RIGHTWARDS ARROW} failed" not in lines
    assert any(line.endswith("failed (not held against the wrapper)") for line in lines)


def test_what_is_lost_is_not_known_unless_asked_for_what_both_planned(told: Told, two: Run) -> None:
    more = variants.with_one_protocol(two, "v1")
    run = one_cell(more)
    code, lines = told(more, run)
    lost = len(more.records) - len(run.records)
    assert code == 3
    assert lines[0] == f"not known: {lost} checks that OLD judged are not judged in NEW"
    code, lines = told(more, run, "--common")
    assert (code, lines[0]) == (0, "nothing changed")


def test_one_check_that_is_lost_is_told_in_the_singular(told: Told, run: Run) -> None:
    lines = told(run, with_verdict(run, CHECK, Verdict.ERROR))[1]
    assert lines[0] == "not known: 1 check that OLD judged is not judged in NEW"
    assert f"environment-only: {CHECK}: passed \N{RIGHTWARDS ARROW} error" in lines


def test_a_run_that_was_cut_short_is_not_known(told: Told, run: Run) -> None:
    code, lines = told(run, replace(run, footer=None))
    assert code == 3
    assert lines[0].startswith("not known: NEW was cut short: the run started ")


def test_another_environment_is_told_where_nothing_else_moved(told: Told, run: Run) -> None:
    engine = {"name": "Podman", "version": "5.0"}
    code, lines = told(run, with_header(run, engine=engine))
    assert code == 0
    assert lines[0] == "nothing changed; its environment is another one"
    assert lines[3].startswith("environment: container engine: Docker ")
    assert lines[3].endswith(" \N{RIGHTWARDS ARROW} Podman 5.0")


def test_markdown_holds_no_sign_of_the_subjects_that_markdown_reads(told: Told, run: Run) -> None:
    hostile = "<script>*a* | `b`</script>"
    failing = changed(
        with_verdict(run, CHECK, Verdict.FAILED), lambda each: replace(each, message=hostile)
    )
    code, lines = told(run, failing, "--format", "markdown")
    assert code == 1
    assert lines[0] == "## regressed: 1 check in 1 cell"
    assert "### Regressed" in lines
    assert f"- **{CHECK}: passed \N{RIGHTWARDS ARROW} failed**: everywhere (1 cell)" in lines
    assert "  - now: ``<script>*a* | `b`</script>``" in lines


@pytest.mark.parametrize("name", ["mutant", "unfixed"])
def test_json_keeps_its_schema(name: str, two_at: Path, matrix: Matrix) -> None:
    code, said, _ = matrix("diff", str(two_at), str(real_results.path(name)), "--format=json")
    assert code == 1
    document = json.loads(said)
    jsonschema_rs.validate(json.loads(SCHEMA.read_text(encoding="utf-8")), document)
    assert document["exit_code"] == 1
    regressed = [each for each in document["groups"] if each["change"] == "regressed"]
    told = sum(len(each["checks"]) * len(each["cells"]) for each in regressed)
    assert told == document["counts"]["regressed"] > 0


def test_it_is_a_command(two_at: Path) -> None:
    ran = processes.run(["matrix", "diff", two_at, real_results.path("unfixed"), "--common"])
    assert (ran.returncode, ran.stderr) == (1, "")
    assert "regressed: v1-predict, " in ran.stdout


def test_what_cannot_be_compared_is_wrong_usage(
    tmp_path: Path, two_at: Path, matrix: Matrix
) -> None:
    default, process = str(two_at), str(real_results.path("process"))
    broken = tmp_path / "broken.jsonl"
    broken.write_text("{}\n", encoding="utf-8")
    cases = {
        (default, process): "error: OLD ran TorchServe as container and NEW as process: only runs ",
        (default, str(tmp_path / "none")): f"error: {tmp_path}/none can't be read: No such file",
        (str(broken), default): f"error: {broken}: line 1 is no line of results",
        (str(tmp_path), default): f"error: {tmp_path}/results.jsonl can't be read: No such file",
    }
    for paths, sentence in cases.items():
        code, said, told = matrix("diff", *paths)
        assert (code, said) == (2, "")
        assert told.startswith(sentence)
        assert told.count("\n") == 1
