"""``python -m matrix can-i-upgrade``: yes, no and not known, from real results."""

from __future__ import annotations

import argparse
import functools
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from kserve_conformance.results import results_file
from kserve_conformance.results.record import Record, Run
from kserve_conformance.results.verdict import Verdict

from matrix.commands import cli
from matrix.planning import axes, expectations, options, plan
from matrix.planning.axes import Axes
from matrix.planning.options import RunOptions
from matrix.upgrade import answering
from matrix.upgrade.answering import Assessment, Question, UpgradeError
from matrix.upgrade.words import Words
from tests.matrix import real_results
from tests.matrix.gate.gate_cases import changed, given, repeated, with_header, with_verdict
from tests.matrix.telling import Matrix

BOTH = ("container", "process")
NEWEST = "0.21.0"
WORDS = '{"error":"ValueError : None is not a valid PredictorProtocol"}'


@pytest.fixture(scope="module")
def ours() -> Axes:
    """Give the axes of this project."""
    return axes.load()


def of_releases(run: Run, *releases: str) -> Run:
    """Give the part of a run that is of some KServe releases."""
    cells = tuple(f"kserve{release}-" for release in releases)
    kept = changed(run, lambda record: record if record.cell.startswith(cells) else None)
    planned = run.header.planned.items()
    return with_header(
        kept, planned={cell: checks for cell, checks in planned if cell.startswith(cells)}
    )


@pytest.fixture(scope="module")
def containers(default_run: Run) -> Run:
    """Give results of two releases on containers."""
    return of_releases(default_run, "0.9.0", NEWEST)


@pytest.fixture(scope="module")
def processes(process_run: Run) -> Run:
    """Give results of two releases on processes."""
    return of_releases(process_run, "0.9.0", NEWEST)


def ask(source: str, target: str, *runs: Run, runtimes: tuple[str, ...] = BOTH) -> Assessment:
    """Put a question to results."""
    known = axes.load()
    question = Question.put(source, target, runtimes, known)
    return answering.answer(question, given(*runs), known, expectations.load())


def lines(answer: Assessment) -> list[str]:
    """Give what is printed of an answer."""
    return list(Words(answer, axes.load(), expectations.load(), every_group=True).lines())


def failing(run: Run, release: str, protocol: str, check: str = "v1-predict") -> Run:
    """Give a run in which a check fails on one release with one PROTOCOL_VERSION."""
    return with_verdict(run, check, Verdict.FAILED, f"kserve{release}-{protocol}-")


def test_nothing_breaks_for_our_wrapper_on_both_backends(containers: Run, processes: Run) -> None:
    answer = ask("0.9.0", "newest", containers, processes)
    assert answer.exit_code() == 0
    assert not answer.breaks
    assert not answer.unknown
    told = lines(answer)
    assert told[0] == (
        f"yes: upgrade of wrapper from KServe 0.9.0 to {NEWEST}: nothing that works breaks, in "
        f"{answer.compared} checks of 38 cells on container and process, with every "
        "PROTOCOL_VERSION"
    )
    assert answer.compared > 3000


def test_what_comes_with_the_new_release_is_told(containers: Run, processes: Run) -> None:
    answer = ask("0.9.0", NEWEST, containers, processes)
    come = {check for group in answer.comes for check in group.checks}
    assert {"grpc-infer", "GRPC-INFER-001"} <= come
    told = [line for line in lines(answer) if line.startswith("comes: ")]
    assert any("grpc-infer" in line for line in told)


def test_a_downgrade_is_called_so_and_loses_what_only_the_newer_has(
    containers: Run, processes: Run
) -> None:
    answer = ask(NEWEST, "0.9.0", containers, processes)
    assert answer.exit_code() == 1
    told = lines(answer)
    assert told[0].startswith(f"no: downgrade of wrapper from KServe {NEWEST} to 0.9.0: ")
    broken = {check for group in answer.breaks for check in group.checks}
    # Said not to be offered, and not even asked for where there is no gRPC server.
    assert {"grpc-infer", "GRPC-INFER-001"} <= broken
    # And where there is no OpenAPI document, which the SDK has since 0.10.
    others = {each for each in broken if not each.lower().startswith("grpc-")}
    assert others == {"V2-META-015", "V2-META-016"}
    assert "    now: KServe 0.9.0 has no gRPC server; its gRPC port is closed" in told


def test_services_that_the_older_control_plane_refuses_break_it(default_run: Run) -> None:
    answer = ask("0.12.1", "0.11.2", default_run, runtimes=("container",))
    assert answer.breaks == ()
    assert answer.exit_code() == 1
    told = lines(answer)
    assert told[0].endswith(
        "to 0.11.2: services with protocolVersion grpc-v2 would not be accepted"
    )
    assert "service with protocolVersion grpc-v2: 0.11.2 doesn't accept it" in told


def test_what_breaks_is_told_with_the_words_of_the_bug(unfixed_run: Run) -> None:
    answer = ask("0.10.2", "0.13.1", unfixed_run)
    assert answer.exit_code() == 1
    told = lines(answer)
    assert told[0].startswith("no: upgrade of unfixed from KServe 0.10.2 to 0.13.1: ")
    assert told[0].endswith(", and not everything is known")
    at = told.index(f"    answered: {WORDS}")
    assert told[at - 4].startswith("breaks: v1-predict, v1-transport")
    assert told[at - 3] == "    where: PROTOCOL_VERSION unset with envelope kserve, none (2 cells)"


def test_one_check_of_one_cell_on_one_backend_breaks_it(containers: Run, processes: Run) -> None:
    answer = ask("0.9.0", NEWEST, containers, failing(processes, NEWEST, "empty"))
    assert answer.exit_code() == 1
    told = lines(answer)
    assert told[0].endswith(": 1 check that passed would no longer pass")
    assert (
        "    where: PROTOCOL_VERSION empty with envelope kserve and runtime process (1 cell)"
    ) in told


def test_what_fails_at_times_on_the_new_release_breaks_it(default_run: Run) -> None:
    run = repeated(of_releases(default_run, "0.9.0", NEWEST), "none", (), 3)

    def flaky(record: Record) -> Record:
        third = (record.axes["kserve"], record.check, record.attempt) == (NEWEST, "v1-predict", 3)
        return replace(record, verdict=Verdict.FAILED) if third else record

    answer = ask("0.9.0", NEWEST, changed(run, flaky), runtimes=("container",))
    assert answer.exit_code() == 1
    assert {group.in_words for group in answer.breaks} == {"passed \N{RIGHTWARDS ARROW} flaky"}


def test_what_fails_on_both_is_told_and_breaks_nothing(containers: Run, processes: Run) -> None:
    wrong = failing(failing(containers, "0.9.0", "empty"), NEWEST, "empty")
    answer = ask("0.9.0", NEWEST, wrong, processes)
    assert answer.exit_code() == 0
    assert "fails on both: v1-predict: failed before and since" in lines(answer)


def test_a_control_plane_that_moves_pods_onto_what_fails_breaks_it(
    containers: Run, processes: Run
) -> None:
    # v1 fails on both releases, and before 0.11.1 no pod was given it.
    wrong = failing(failing(containers, "0.9.0", "v1"), NEWEST, "v1")
    answer = ask("0.9.0", NEWEST, wrong, processes)
    assert answer.breaks == ()
    assert answer.exit_code() == 1
    told = lines(answer)
    at = told.index(
        "service with protocolVersion v1: its pod's PROTOCOL_VERSION goes from unset to v1, with "
        "envelope kserve; what breaks beyond that:"
    )
    assert told[at + 1] == "breaks: v1-predict: passed \N{RIGHTWARDS ARROW} failed"
    assert told[0].endswith("2 checks that passed would no longer pass")


@pytest.mark.parametrize(
    ("source", "target", "told"),
    [
        (
            "0.11.0",
            "0.11.1",
            (
                "KServe 0.11.1's sets PROTOCOL_VERSION from now on, to the service's "
                "protocolVersion or else to v1, which it never did before"
            ),
        ),
        (
            "0.11.2",
            "0.12.0",
            (
                "KServe 0.12.0's doesn't accept protocolVersion grpc-v1 any more; it accepts "
                "protocolVersion grpc-v2, with envelope kservev2"
            ),
        ),
        ("0.12.0", "0.21.0", "KServe 0.21.0's sets the same as that of 0.12.0"),
        (
            "0.12.0",
            "0.9.0",
            (
                "KServe 0.9.0's never sets PROTOCOL_VERSION, which it did before; it accepts "
                "protocolVersion grpc-v1, with envelope kserve; it doesn't accept "
                "protocolVersion grpc-v2 any more"
            ),
        ),
    ],
)
def test_what_the_control_plane_does_otherwise_is_told(
    default_run: Run, source: str, target: str, told: str
) -> None:
    assert lines(ask(source, target, of_releases(default_run, source, target)))[1].startswith(
        f"control plane: {told}"
    )


def test_a_pod_whose_cells_did_not_run_is_not_known(unfixed_run: Run) -> None:
    told = lines(ask("0.10.2", "0.13.1", unfixed_run))
    (v2,) = [line for line in told if line.startswith("service with protocolVersion v2: ")]
    assert v2.endswith("goes from unset to v2, with envelope kservev2; what that does is not known")


def planned_by(command: str) -> set[str]:
    """Give the cells that a printed command runs."""
    python, dash_m, module, name, *arguments = shlex.split(command)
    assert (python, dash_m, module, name) == ("python", "-m", "matrix", "run")
    parser = argparse.ArgumentParser()
    options.add(parser.add_argument)
    chosen = RunOptions.of(parser.parse_args(arguments))
    assert chosen.runtime in BOTH
    made = plan.make(axes.load(), expectations.load(), chosen, chosen.runtime, True)
    return {f"{cell.id} on {cell.runtime}" for cell in made.cells}


@pytest.mark.parametrize(
    ("source", "target", "runtimes"),
    [
        ("0.9.0", "0.10.2", BOTH),
        ("0.8.0", "0.8.0.1", BOTH),
        ("0.9.0", NEWEST, ("process",)),
    ],
)
def test_what_is_not_known_is_told_with_the_commands_that_run_it(
    containers: Run, source: str, target: str, runtimes: tuple[str, ...]
) -> None:
    answer = ask(source, target, containers, runtimes=runtimes)
    assert answer.exit_code() == 3
    told = lines(answer)
    assert told[0].startswith(f"not known: upgrade of wrapper from KServe {source} to {target}: ")
    commands = [line.removeprefix("run: ") for line in told if line.startswith("run: ")]
    run = [cell for command in commands for cell in planned_by(command)]
    assert sorted(run) == sorted(f"{one.cell.id} on {one.cell.runtime}" for one in answer.unknown)


def test_a_command_that_lacks_a_secret_says_so(unfixed_run: Run) -> None:
    wrapper = {**unfixed_run.header.wrapper, "command": "env HF_TOKEN=*** {python} -m wrapper"}
    said = "*** stands for a secret that results don't keep: put yours in"
    assert said in lines(ask("0.9.0", NEWEST, with_header(unfixed_run, wrapper=wrapper)))
    assert said not in lines(ask("0.9.0", NEWEST, unfixed_run))


def test_a_single_cell_that_is_absent_is_named_in_the_command(
    containers: Run, processes: Run
) -> None:
    absent = f"kserve{NEWEST}-v2-kservev2_faithful-torchserve0.12.0"
    planned = {name: ids for name, ids in containers.header.planned.items() if name != absent}
    fewer = changed(containers, lambda record: None if record.cell == absent else record)
    answer = ask("0.9.0", NEWEST, with_header(fewer, planned=planned), processes)
    assert answer.exit_code() == 3
    told = lines(answer)
    (command,) = [line.removeprefix("run: ") for line in told if line.startswith("run: ")]
    assert planned_by(command) == {f"{absent} on container"}


def test_a_command_for_another_wrapper_runs_that_wrapper(unfixed_run: Run) -> None:
    told = lines(ask("0.10.2", "0.11.2", unfixed_run))
    commands = [shlex.split(line) for line in told if line.startswith("run: ")]
    header = unfixed_run.header
    assert len(commands) == 2
    for words in commands:
        assert words[words.index("--wrapper") + 1] == header.wrapper["command"]
        assert words[words.index("--wrapper-name") + 1] == "unfixed"
        assert "--constructor" not in words


def test_a_command_for_a_wrapper_with_needs_gives_it_these(unfixed_run: Run) -> None:
    wrapper = {**unfixed_run.header.wrapper, "ports": "8080,8081"}
    header = replace(unfixed_run.header, wrapper=wrapper, requirements=["boto3<2"])
    told = lines(ask("0.10.2", "0.11.2", replace(unfixed_run, header=header)))
    commands = [shlex.split(line) for line in told if line.startswith("run: ")]
    assert len(commands) == 2
    for words in commands:
        assert words[words.index("--with") + 1] == "boto3<2"
        assert words[words.index("--ports") + 1] == "8080,8081"


@pytest.mark.parametrize("release", ["0.9.0", NEWEST])
@pytest.mark.parametrize("verdict", [Verdict.ERROR, Verdict.UNPROVISIONED, None])
def test_a_check_that_was_not_judged_on_either_side_is_not_known(
    containers: Run, processes: Run, release: str, verdict: Verdict | None
) -> None:
    def change(record: Record) -> Record | None:
        if record.check != "v1-predict" or record.cell != at:
            return record
        return None if verdict is None else replace(record, verdict=verdict)

    at = f"kserve{release}-v1-kserve-torchserve0.12.0"
    answer = ask("0.9.0", NEWEST, changed(containers, change), processes)
    assert answer.exit_code() == 3
    told = lines(answer)
    assert f"not known: 1 check of 1 cell that the results have, such as v1-predict in {at}" in told
    assert told[-1].endswith("in place of results that hold the same cells")


def test_an_attempt_that_is_absent_is_not_known(default_run: Run) -> None:
    run = repeated(of_releases(default_run, "0.9.0", NEWEST), "none", (), 2)
    at = f"kserve{NEWEST}-v1-kserve-torchserve0.12.0"
    absent = (at, "v1-predict", 2)
    fewer = changed(
        run, lambda each: None if (each.cell, each.check, each.attempt) == absent else each
    )
    assert ask("0.9.0", NEWEST, run, runtimes=("container",)).exit_code() == 0
    assert ask("0.9.0", NEWEST, fewer, runtimes=("container",)).exit_code() == 3


def test_results_of_some_checks_only_are_not_enough(containers: Run, processes: Run) -> None:
    few = changed(containers, lambda record: record if record.check == "starts" else None)
    planned = {cell: ["starts"] for cell in containers.header.planned}
    assert ask("0.9.0", NEWEST, with_header(few, planned=planned), processes).exit_code() == 3


def test_one_backend_can_be_asked_about(containers: Run) -> None:
    assert ask("0.9.0", NEWEST, containers, runtimes=("container",)).exit_code() == 0
    assert ask("0.9.0", NEWEST, containers).exit_code() == 3


def test_results_of_two_wrappers_are_refused(containers: Run, unfixed_run: Run) -> None:
    with pytest.raises(UpgradeError, match=r"is of wrapper .* and .* of unfixed .*: give results"):
        ask("0.9.0", NEWEST, containers, unfixed_run)


@pytest.mark.parametrize(
    ("source", "target", "told"),
    [
        ("0.13", "newest", "KServe 0.13 is not in axes.toml: did you mean 0.13.0 or 0.13.1?"),
        ("0.9.0", "0.9.1", "KServe 0.9.1 is not in axes.toml: did you mean 0.9.0?"),
        ("0.9.0", "latest", "KServe latest is not in axes.toml: it has 0.8.0, 0.8.0.1, "),
        ("newest", NEWEST, f"FROM and TO are both KServe {NEWEST}: name two releases"),
    ],
)
def test_a_release_that_is_none_is_refused_with_near_ones(
    ours: Axes, source: str, target: str, told: str
) -> None:
    with pytest.raises(UpgradeError) as refused:
        Question.put(source, target, BOTH, ours)
    assert str(refused.value).startswith(told)


@pytest.fixture
def asked(matrix: Matrix, tmp_path: Path, processes: Run) -> Matrix:
    """Give what puts questions to results on processes."""
    small = tmp_path / "process" / "results.jsonl"
    results_file.write(small, processes)

    return functools.partial(matrix, "can-i-upgrade", f"--results={small.parent}")


def test_the_command_says_yes_no_not_known_and_wrong_usage(asked: Matrix) -> None:
    code, out, _ = asked("0.9.0", "newest", "--runtime", "process")
    assert (code, out.split(":")[0]) == (0, "yes")
    code, out, _ = asked("newest", "0.9.0", "--runtime", "process")
    assert (code, out.split(":")[0]) == (1, "no")
    code, out, _ = asked("0.9.0", "newest")
    assert (code, out.split(":")[0]) == (3, "not known")
    code, out, error = asked("0.9", "newest")
    assert (code, out) == (2, "")
    assert error == "error: KServe 0.9 is not in axes.toml: did you mean 0.9.0?\n"
    code, out, error = asked("0.9.0", "newest", "--results", "/nonexistent")
    assert (code, out) == (2, "")
    assert error == "error: /nonexistent can't be read: No such file or directory\n"


def test_less_is_told_unless_all_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    question = ["can-i-upgrade", "0.10.2", "0.13.1", f"--results={real_results.path('unfixed')}"]
    assert cli.main(question) == 1
    shortened = capsys.readouterr().out
    assert "more checks: --all tells them" in shortened
    assert WORDS in shortened
    assert cli.main([*question, "--all"]) == 1
    assert "--all tells them" not in capsys.readouterr().out
