"""The search of `bisect`: where an outcome changes, what it is caused by, and what it says."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

import pytest
from kserve_conformance.results.record import Evidence, Record
from kserve_conformance.results.verdict import Verdict

from fixtures import torchserve
from fixtures.torchserve import Instance
from matrix.bisect import bisection, causes
from matrix.bisect.bisection import Agreed, Answer, Flaky, Found, Seen, Unjudged
from matrix.bisect.causes import Cause, Kind
from matrix.results.attempts import Attempts
from matrix.running.instances import Instances
from tests import processes
from tests.matrix import real_results, runs
from tests.matrix.given_torchserve import Given

RELEASES = [f"0.{minor}.0" for minor in range(8, 22)]
OLD_WORDS = '500\nserver: uvicorn\n\n{"error": "None is not a valid PredictorProtocol"}'
NEW_WORDS = '501\n\n{"error": "Unsupported protocol None."}'


def outcome(
    release: str, verdict: Verdict = Verdict.PASSED, message: str = "", response: str = ""
) -> Record:
    evidence: Evidence = (
        {"exchanges": [{"request": "curl", "response": response}]} if response else {}
    )
    axes = {"kserve": release, "torchserve": "0.12.0", "runtime": "process"}
    return Record(
        *("cell", axes, "check", verdict, Verdict.PASSED, message, None, None, 0.1, evidence)
    )


def seen_of(release: str, record: Record) -> Seen:
    return Seen(release, Attempts.of([record]))


def failed(release: str, response: str = OLD_WORDS, message: str = "status") -> Record:
    return outcome(release, Verdict.FAILED, message, response)


class Told:
    """A prober that has been told what each release comes to; all others pass."""

    def __init__(
        self,
        outcomes: Mapping[str, Record],
        further: Mapping[str, tuple[Record, ...]] | None = None,
    ) -> None:
        self._outcomes = outcomes
        self._further = further or {}
        self.looked: list[str] = []
        self.verified: list[str] = []

    def look(self, release: str) -> Seen:
        self.looked.append(release)
        return seen_of(release, self._at(release))

    def again(self, release: str) -> tuple[Record, ...]:
        self.verified.append(release)
        return self._further.get(release, (self._at(release),) * 2)

    def _at(self, release: str) -> Record:
        return self._outcomes.get(release, outcome(release))


def search(prober: Told, releases: list[str] = RELEASES) -> Answer:
    return bisection.search(releases, prober.look, prober.again, lambda *_: None)


def from_on(release: str) -> dict[str, Record]:
    return {each: failed(each) for each in RELEASES[RELEASES.index(release) :]}


@pytest.mark.parametrize("first", RELEASES[1:])
def test_the_first_release_that_differs_is_found_wherever_it_is(first: str) -> None:
    prober = Told(from_on(first))
    found = search(prober)
    assert isinstance(found, Found)
    before = RELEASES[RELEASES.index(first) - 1]
    assert (found.before.release, found.after.release) == (before, first)
    assert prober.verified == [before, first]
    assert len(found.before.attempts.records) == len(found.after.attempts.records) == 3
    assert len(prober.looked) <= 2 + 4, "that is no binary search"


def test_the_search_may_go_from_a_newer_release_to_an_older_one() -> None:
    found = search(Told(from_on("0.14.0")), RELEASES[::-1])
    assert isinstance(found, Found)
    assert (found.before.release, found.after.release) == ("0.14.0", "0.13.0")


def test_a_failure_that_says_something_else_is_a_change() -> None:
    outcomes = {each: failed(each) for each in RELEASES}
    outcomes |= {each: failed(each, NEW_WORDS) for each in RELEASES[6:]}
    found = search(Told(outcomes))
    assert isinstance(found, Found)
    assert found.after.release == RELEASES[6]
    assert (
        bisection.in_words(found.after.first)
        == 'failed, 501 {"error": "Unsupported protocol None."}'
    )


def test_ends_that_come_to_the_same_are_told_with_what_nobody_looked_at() -> None:
    island = {"0.12.0": failed("0.12.0")}
    prober = Told(island)
    agreed = search(prober)
    assert isinstance(agreed, Agreed)
    assert agreed.between == tuple(RELEASES[1:-1])
    assert prober.looked == [RELEASES[0], RELEASES[-1]]


def test_a_release_that_cannot_be_judged_is_left_aside() -> None:
    broken = outcome("0.14.0", Verdict.UNPROVISIONED, "no network")
    found = search(Told({**from_on("0.16.0"), "0.14.0": broken}))
    assert isinstance(found, Found)
    assert found.after.release == "0.16.0"
    assert found.skipped == ()


def test_what_could_hold_the_change_and_cannot_be_judged_is_named() -> None:
    broken = {
        each: outcome(each, Verdict.ERROR, "the harness broke") for each in ("0.13.0", "0.14.0")
    }
    found = search(Told({**from_on("0.13.0"), **broken}))
    assert isinstance(found, Found)
    assert [seen.release for seen in found.skipped] == ["0.13.0", "0.14.0"]
    assert (found.before.release, found.after.release) == ("0.12.0", "0.15.0")
    assert bisection.exit_code(found) == 3


@pytest.mark.parametrize("end", [0, -1])
def test_an_end_that_cannot_be_judged_ends_the_search(end: int) -> None:
    release = RELEASES[end]
    broken = {release: outcome(release, Verdict.UNPROVISIONED, "no network")}
    with pytest.raises(Unjudged, match=rf"{release} can't be judged \(unprovisioned, no network\)"):
        search(Told(broken))


def test_a_neighbour_whose_attempts_disagree_is_flaky_and_how_often_is_said() -> None:
    further = {"0.13.0": (outcome("0.13.0"), failed("0.13.0"))}
    flaky = search(Told(from_on("0.13.0"), further))
    assert isinstance(flaky, Flaky)
    assert flaky.seen.release == "0.13.0"
    assert "2 of 3: failed, 500" in flaky.seen.often()
    assert "1 of 3: passed" in flaky.seen.often()
    assert bisection.exit_code(flaky) == 3


def test_a_neighbour_that_cannot_be_judged_again_ends_the_search() -> None:
    further = {"0.13.0": (outcome("0.13.0", Verdict.ERROR, "broke"),)}
    with pytest.raises(Unjudged, match="second time"):
        search(Told(from_on("0.13.0"), further))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (failed("0.8.0", "500\n\nat 127.0.0.1:4711"), failed("0.9.0", "500\n\nat 127.0.0.1:4712")),
        (failed("0.8.0", OLD_WORDS), failed("0.9.0", OLD_WORDS.replace("uvicorn", "tornado"))),
        (failed("0.8.0", message="KServe 0.8.0"), failed("0.9.0", message="KServe 0.9.0")),
        (failed("0.8.0", message="a\nb\nz"), failed("0.9.0", message="a\nc\nz")),
        (outcome("0.8.0", response="200\n\n[1]"), outcome("0.9.0", response="200\n\n[ 1 ]")),
    ],
    ids=["port", "header", "release", "middle of a log", "answer of a pass"],
)
def test_what_differs_without_meaning_is_no_change(one: Record, other: Record) -> None:
    assert bisection.same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (failed("0.8.0", "500\n\nx"), failed("0.8.0", "501\n\nx")),
        (failed("0.8.0", "500\n\nx"), failed("0.8.0", "500\n\ny")),
        (failed("0.8.0", message="a:\nb"), failed("0.8.0", message="a:\nc")),
        (outcome("0.8.0"), outcome("0.8.0", Verdict.UNSUPPORTED)),
    ],
    ids=["status", "body", "end of a log", "verdict"],
)
def test_what_differs_with_meaning_is_a_change(one: Record, other: Record) -> None:
    assert not bisection.same(one, other)


BEFORE, AFTER = "0.10.2", "0.11.0"
FOUND = Found(seen_of(BEFORE, outcome(BEFORE)), seen_of(AFTER, failed(AFTER)), ())
SAME_PYTHON = {BEFORE: "3.9", AFTER: "3.9"}
OTHER_PYTHON = {BEFORE: "3.9", AFTER: "3.10"}
GOOD, BAD, NEITHER = outcome(AFTER), failed(AFTER), failed(AFTER, message="does not start")


def cause(
    later_kserve: Record, later_packages: Record, neither: Record | None = None
) -> tuple[Cause, list[tuple[str, str]]]:
    """Judge the cause; ``neither`` is what the later Python alone does, where it is another."""
    seen = {(AFTER, BEFORE): later_kserve, (BEFORE, AFTER): later_packages}
    if neither is not None:
        seen[BEFORE, BEFORE] = neither
    asked = []

    def beside(kserve: str, packages: str) -> Seen:
        asked.append((kserve, packages))
        return seen_of(kserve, seen[kserve, packages])

    return causes.of(FOUND, OTHER_PYTHON if neither else SAME_PYTHON, beside), asked


@pytest.mark.parametrize(
    ("later_kserve", "later_packages", "kind"),
    [
        (BAD, GOOD, Kind.KSERVE),
        (GOOD, BAD, Kind.PACKAGES),
        (BAD, BAD, Kind.EITHER),
        (GOOD, GOOD, Kind.TOGETHER),
        (BAD, NEITHER, Kind.KSERVE_AT_LEAST),
        (NEITHER, BAD, Kind.PACKAGES_AT_LEAST),
        (NEITHER, GOOD, Kind.UNKNOWN),
        (GOOD, NEITHER, Kind.UNKNOWN),
        (NEITHER, NEITHER, Kind.UNKNOWN),
    ],
)
def test_the_cause_is_what_the_outcome_goes_with(
    later_kserve: Record, later_packages: Record, kind: Kind
) -> None:
    found, asked = cause(later_kserve, later_packages)
    assert found.kind is kind
    assert asked == [(AFTER, BEFORE), (BEFORE, AFTER)]
    assert found.python is None


def test_an_environment_that_cannot_be_made_leaves_the_cause_open() -> None:
    broken = outcome(AFTER, Verdict.UNPROVISIONED, "fastapi needs another starlette")
    found, _ = cause(broken, GOOD)
    assert found.kind is Kind.UNKNOWN
    assert "fastapi needs another starlette" in str(found.looks[0])


def test_another_python_is_looked_at_first() -> None:
    found, asked = cause(BAD, BAD, neither=BAD)
    assert found.kind is Kind.PYTHON
    assert found.python == "3.10"
    assert asked == [(BEFORE, BEFORE)]


def test_a_python_that_changes_nothing_leaves_the_rest_to_be_told_apart() -> None:
    found, asked = cause(BAD, GOOD, neither=GOOD)
    assert found.kind is Kind.KSERVE
    assert asked == [(BEFORE, BEFORE), (AFTER, BEFORE), (BEFORE, AFTER)]
    assert found.python == "3.10"


def test_a_python_on_which_the_earlier_release_does_not_run_leaves_the_cause_open() -> None:
    found, asked = cause(BAD, GOOD, neither=NEITHER)
    assert found.kind is Kind.UNKNOWN
    assert len(asked) == 1


def test_what_runs_already_is_not_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []

    def start(*_: object, envelope: str, **__: object) -> Given:
        started.append(envelope)
        return Given(Instance.from_dict({**runs.NOWHERE, "envelope": envelope}))

    monkeypatch.setattr(torchserve, "start", start)
    instances = Instances()
    instances.start([("0.12.0", "kserve")], "process", None)
    instances.start([("0.12.0", "kserve"), ("0.12.0", "kservev2")], "process", None)
    assert started == ["kserve", "kservev2"]


def test_what_has_been_ended_starts_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[object] = []
    monkeypatch.setattr(torchserve, "start", lambda *it, **_: started.append(it))
    instances = Instances()
    instances.stop()
    instances.start([("0.12.0", "kserve")], "process", None)
    assert started == []


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `bisect` as a person does."""
    return processes.run(["matrix", "bisect", *arguments])


def of_results(name: str, good: str, bad: str, *more: str) -> subprocess.CompletedProcess[str]:
    return run(
        *(f"--results={real_results.path(name)}", f"--good={good}", f"--bad={bad}"),
        *(more or ("--check=v1-predict",)),
    )


def test_results_answer_which_releases_hold_the_change() -> None:
    ran = of_results("unfixed", "0.10.2", "0.13.1")
    assert ran.returncode == 3, ran.stdout + ran.stderr
    assert (
        "v1-predict changes after KServe 0.10.2 and no later than in 0.11.2, where 0.11.0, 0.11.1 "
        "could not be judged: 0.10.2 passed; 0.11.2 failed, 500 "
        '{"error":"ValueError : None is not a valid PredictorProtocol"}\n'
    ) in ran.stdout
    assert "that needs runs" in ran.stdout


def test_results_of_neighbours_answer_with_the_release() -> None:
    # gRPC came with 0.10, whose neighbour is 0.9.0; 0.10.0 and 0.10.1 are not in these results.
    ran = of_results("default", "0.10.2", "0.9.0", "--check=grpc-about", "--protocol=v1")
    assert ran.returncode == 3, ran.stdout + ran.stderr
    assert "0.9.0 unsupported, KServe 0.9.0 has no gRPC server" in ran.stdout


def test_ends_that_agree_are_1() -> None:
    ran = of_results("default", "0.9.0", "newest")
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "v1-predict is the same on KServe 0.9.0 and 0.21.0: passed; 22 releases between" in (
        ran.stdout
    )


def test_a_release_that_results_lack_cannot_be_an_end() -> None:
    ran = of_results("unfixed", "0.10.1", "0.13.1")
    assert ran.returncode == 3
    assert "error: 0.10.1 can't be judged (unprovisioned, not in the results)" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["--check=v1-predict", "--good=0.7.0", "--bad=0.9.0"],
            "--good 0.7.0 is no kserve release",
        ),
        (["--check=v1-predict", "--good=0.9.0", "--bad=0.9.0"], "name two"),
        (["--check=v9-predict", "--good=0.9.0", "--bad=0.10.2"], "there is no such check"),
        (
            ["--check=refusal-line", "--good=0.9.0", "--bad=0.10.2"],
            "refusal-line is not made in kserve0.9.0-unset-kserve-torchserve0.12.0: take another",
        ),
        (
            ["--check=v1-predict", "--good=0.9.0", "--bad=0.10.2", "--protocol=v7"],
            "--protocol v7: there is only unset, empty, v1, ",
        ),
        (
            ["--check=v1-predict", "--good=0.9.0", "--bad=0.10.2", "--kserve=9.9"],
            "--kserve 9.9 is of the axis that is searched",
        ),
        (["--check=v1-predikt", "--good=0.9.0", "--bad=0.10.2"], "did you mean v1-predict"),
        (
            ["--check=v1-predict", "--good=0.9.0", "--bad=0.10.2", "--results=/nowhere"],
            "can't be read",
        ),
    ],
)
def test_wrong_usage_is_2_with_a_sentence(arguments: list[str], says: str) -> None:
    ran = run("--runtime=process", *arguments)
    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert ran.stderr.startswith("error: ")
    assert says in ran.stderr
    assert "Traceback" not in ran.stderr


def test_the_wrapper_of_results_is_not_asked_for_again() -> None:
    ran = of_results("unfixed", "0.13.1", "0.14.1")
    assert "0.13.1 failed, 500" in ran.stdout
    assert "0.14.1 failed, 501" in ran.stdout
