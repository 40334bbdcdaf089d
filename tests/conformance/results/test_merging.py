"""Parts of one run: what joining them gives, and what is refused instead of chosen."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kserve_conformance.results import results_file
from kserve_conformance.results.merging import Disagreement, Merged, MergeError, merge
from kserve_conformance.results.record import Footer, Header, Record, Run
from kserve_conformance.results.results_file import Given
from kserve_conformance.results.verdict import Verdict

FAILED, PASSED = Verdict.FAILED, Verdict.PASSED


def cell(release: str) -> str:
    return f"kserve{release}-unset-kserve-torchserve0.12.0"


def header(run: str, *releases: str, **members: Any) -> Header:
    given: dict[str, Any] = {
        "run": run,
        "started": "2026-11-24T03:00:00+00:00",
        "machine": {"system": "Linux", "architecture": "x86_64", "cpus": 2, "python": "3.11.4"},
        "commit": "1f0c",
        "runtime": "container",
        "torchserve": [{"release": "0.12.0", "envelope": "kserve", "identity": "sha256:a"}],
        "locks": {release: f"lock of {release}" for release in releases},
        "wrapper": {"name": "w", "command": "c", "constructor": None},
        "planned": {cell(release): ["starts", "v1-predict"] for release in releases},
        "suite": "2",
        "engine": {"name": "Docker", "version": "28"},
    }
    return Header(**{**given, **members})


def record(release: str, check: str, **members: Any) -> Record:
    axes = {"kserve": release, "protocol": "unset", "runtime": "container"}
    made = Record(cell(release), axes, check, PASSED, PASSED, "", 1, 1, 0.5)
    return replace(made, **members)


def part(
    name: str,
    *releases: str,
    records: Sequence[Record] | None = None,
    ended: str | None = "2026-11-24T03:10:00+00:00",
    **members: Any,
) -> Given:
    """Make a part that ran all of its checks, unless it is told otherwise."""
    if records is None:
        checks = ("starts", "v1-predict")
        records = [record(release, check) for release in releases for check in checks]
    run = Run(header(name, *releases, **members), records, None)
    footer = ended and Footer(ended, 60.0, 0, len(records), run.counts(), run.exit_code())
    return Given(Path(f"{name}.jsonl"), replace(run, footer=footer or None))


def test_parts_make_the_run_that_they_are_of(tmp_path: Path) -> None:
    merged = merge([part("a", "0.10.2"), part("b", "0.9.0", "0.13.1")])
    run = merged.run
    assert list(run.header.planned) == [cell(each) for each in ("0.9.0", "0.10.2", "0.13.1")]
    assert [each.cell for each in run.records] == [
        cell(release) for release in ("0.9.0", "0.10.2", "0.13.1") for _ in range(2)
    ]
    assert list(run.header.locks) == ["0.9.0", "0.10.2", "0.13.1"]
    assert run.header.torchserve == header("a").torchserve
    assert [shard["run"] for shard in run.header.shards] == ["a", "b"]
    assert run.footer is not None
    assert (run.footer.cells, run.footer.checks, run.exit_code()) == (3, 6, 0)
    assert merged.doubled == 0
    written = results_file.write(tmp_path / "results.jsonl", run)
    assert results_file.read(tmp_path / "results.jsonl") == written == run


def test_the_order_of_the_parts_and_of_joining_them_changes_nothing() -> None:
    a = part("a", "0.9.0", started="2026-11-24T03:00:02+00:00")
    b = part("b", "0.10.2", machine={**header("b").machine, "cpus": 4})
    c = part("c", "0.13.1", torchserve=[])
    whole = merge([a, b, c]).run
    for order in itertools.permutations([a, b, c]):
        assert merge(order).run == whole
    nested = merge([Given(Path("ab.jsonl"), merge([a, b]).run), c]).run
    assert nested == whole


def test_a_part_alone_is_a_run_of_one_part() -> None:
    alone = part("a", "0.9.0")
    run = merge([alone]).run
    assert run.records == alone.run.records
    assert [shard["run"] for shard in run.header.shards] == ["a"]


def test_it_lasted_from_the_first_start_to_the_last_end() -> None:
    late = part(
        "b", "0.9.0", started="2026-11-24T02:30:00-01:00", ended="2026-11-24T02:40:00-01:00"
    )
    run = merge([late, part("a", "0.10.2", ended="2026-11-24T03:10:00+00:00")]).run
    assert run.header.started == "2026-11-24T03:00:00+00:00"
    assert [shard["run"] for shard in run.header.shards] == ["a", "b"]
    assert run.footer is not None
    assert (run.footer.ended, run.footer.seconds) == ("2026-11-24T02:40:00-01:00", 2400.0)


def test_clocks_that_are_apart_make_no_run_of_less_than_no_time() -> None:
    run = merge([part("a", "0.9.0", ended="2026-11-24T02:59:00+00:00")]).run
    assert run.footer is not None
    assert run.footer.seconds == 0.0


def test_machines_and_engines_that_differ_are_all_told() -> None:
    other = {"system": "Linux", "architecture": "aarch64", "cpus": 4, "python": "3.11.4"}
    merged = merge([part("a", "0.9.0"), part("b", "0.10.2", machine=other, engine=None)])
    told = merged.run.header
    assert told.machine == {
        "system": "Linux",
        "architecture": "x86_64, aarch64",
        "cpus": "2, 4",
        "python": "3.11.4",
    }
    assert told.engine == {"name": "Docker", "version": "28"}
    assert [shard["machine"] for shard in told.shards] == [header("a").machine, other]


@pytest.mark.parametrize(
    ("starts", "told"),
    [
        (("exact", "forked"), "forked"),
        (("exact", "exact"), "exact"),
        ((None, "forked"), "forked"),
        ((None, "exact"), None),
    ],
)
def test_a_run_of_which_a_part_was_forked_was_forked(
    starts: tuple[str | None, str | None], told: str | None
) -> None:
    one, other = starts
    merged = merge([part("a", "0.9.0", start=one), part("b", "0.10.2", start=other)])
    assert merged.run.header.start == told


@pytest.mark.parametrize(
    ("there", "told"),
    [((True, True), True), ((True, False), False), ((None, True), None), ((None, False), False)],
)
def test_the_paths_of_a_pod_are_there_where_all_parts_had_them(
    there: tuple[bool | None, bool | None], told: bool | None
) -> None:
    one, other = there
    merged = merge([part("a", "0.9.0", pod_paths=one), part("b", "0.10.2", pod_paths=other)])
    assert merged.run.header.pod_paths is told


def test_parts_of_other_requirements_are_of_another_run() -> None:
    parts = [part("a", "0.9.0", requirements=["boto3"]), part("b", "0.10.2")]
    with pytest.raises(MergeError, match=r"the wrapper's requirements is boto3 in .* and unknown"):
        merge(parts)


DOCKER, PODMAN = {"name": "Docker", "version": "28"}, {"name": "Podman", "version": "5"}


@pytest.mark.parametrize(
    ("engines", "told"),
    [
        ((None, DOCKER), DOCKER),
        ((DOCKER, PODMAN), {"name": "Docker, Podman", "version": "28, 5"}),
        ((None, None), None),
    ],
)
def test_engines_are_told_where_there_are_some(
    engines: Sequence[Mapping[str, str] | None], told: Mapping[str, str] | None
) -> None:
    parts = [
        part(name, release, engine=engine)
        for name, release, engine in zip("ab", ("0.9.0", "0.10.2"), engines, strict=True)
    ]
    assert merge(parts).run.header.engine == told


def test_images_that_two_machines_built_are_both_told() -> None:
    other = [{"release": "0.12.0", "envelope": "kserve", "identity": "sha256:b"}]
    run = merge([part("a", "0.9.0"), part("b", "0.10.2", torchserve=other)]).run
    assert [each["identity"] for each in run.header.torchserve] == ["sha256:a", "sha256:b"]


def test_checks_of_one_cell_may_be_spread_over_parts() -> None:
    release, place = "0.9.0", cell("0.9.0")
    ran = [record(release, check) for check in ("starts", "y")]
    a = part("a", release, records=ran, planned={place: ["starts", "y"]})
    b = part("b", release, records=[record(release, "x")], planned={place: ["starts", "x"]})
    run = merge([a, b]).run
    assert run.header.planned == {place: ["starts", "y", "x"]}
    assert run.missing() == []


def test_what_was_not_planned_goes_last() -> None:
    odd = [record("0.8.0", "starts", verdict=FAILED), record("0.9.0", "starts")]
    run = merge([part("a", "0.9.0", records=odd)]).run
    assert run.records == [*reversed(odd)]
    assert run.exit_code() == 1


@pytest.mark.parametrize("ended", [(None, "x"), ("x", None), (None, None)])
def test_a_part_that_was_cut_short_makes_the_whole_cut_short(
    ended: tuple[str | None, str | None], tmp_path: Path
) -> None:
    parts = [
        part(name, release, ended=end and "2026-11-24T03:10:00+00:00")
        for name, release, end in zip("ab", ("0.9.0", "0.10.2"), ended, strict=True)
    ]
    run = merge(parts).run
    assert run.cut_short
    assert results_file.read(results_file_of(run, tmp_path)).cut_short


def results_file_of(run: Run, folder: Path) -> Path:
    results_file.write(folder / "results.jsonl", run)
    return folder / "results.jsonl"


def test_what_a_part_has_not_run_is_missing_in_the_whole() -> None:
    lacking = part("b", "0.10.2", records=[record("0.10.2", "starts")], ended=None)
    run = merge([part("a", "0.9.0"), lacking]).run
    assert run.missing() == [(cell("0.10.2"), "v1-predict")]
    assert run.exit_code() == 3


def test_a_part_that_never_came_makes_the_run_one_that_was_cut_short() -> None:
    parts = [part("a", "0.9.0"), part("b", "0.10.2")]
    assert not merge(parts, 2).run.cut_short
    assert merge(parts, 3).run.cut_short
    # Joined before, it still counts for two.
    assert not merge([Given(Path("ab.jsonl"), merge(parts).run)], 2).run.cut_short
    with pytest.raises(MergeError, match="1 parts were planned, and 2 are given"):
        merge(parts, 1)


def test_the_same_verdict_twice_is_one_record_and_is_counted() -> None:
    a, b = part("a", "0.9.0"), part("b", "0.9.0")
    merged = merge([a, b])
    assert merged.doubled == 2
    assert merged.run.records == a.run.records


def test_the_same_part_twice_is_one_part() -> None:
    a = part("a", "0.9.0")
    merged = merge([a, a])
    assert [shard["run"] for shard in merged.run.header.shards] == ["a"]
    assert merged.doubled == 2


DIFFERENT = {
    "verdict": (
        {"verdict": FAILED, "message": "why"},
        "failed where passed is expected in b.jsonl, line 2",
    ),
    "expectation": (
        {"expected_verdict": FAILED},
        "passed where failed is expected in b.jsonl, line 2",
    ),
    "weight": (
        {"binding": False},
        "passed as expected, not binding in b.jsonl, line 2",
    ),
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_two_verdicts_for_one_check_are_an_error(what: str) -> None:
    change: Any
    change, said = DIFFERENT[what]
    odd = [record("0.9.0", "v1-predict", **change), record("0.9.0", "starts")]
    with pytest.raises(Disagreement) as raised:
        merge([part("a", "0.9.0"), part("b", "0.9.0", records=odd)])
    known = "passed as expected in a.jsonl, line 3"
    told = f"v1-predict in {cell('0.9.0')}, attempt 1: {known} and {said}"
    assert told in str(raised.value).splitlines()[1]
    assert "starts in" not in str(raised.value)


def test_many_disagreements_are_told_shortly() -> None:
    checks = [f"check-{number}" for number in range(13)]
    planned = {cell("0.9.0"): checks}
    a = [record("0.9.0", check) for check in checks]
    b = [replace(each, verdict=FAILED) for each in a]
    with pytest.raises(Disagreement, match=r"check-9 .*\n  \.\.\. and 3 more$"):
        merge([part(name, "0.9.0", records=records, planned=planned)
               for name, records in (("a", a), ("b", b))])  # fmt: skip


def test_two_attempts_at_one_check_may_differ() -> None:
    a = part("a", "0.9.0", repeat=2)
    second = [replace(each, attempt=2, verdict=FAILED) for each in a.run.records]
    run = merge([a, part("b", "0.9.0", repeat=2, records=second)]).run
    assert len(run.records) == 4
    assert run.missing() == []


STRANGERS: Mapping[str, tuple[dict[str, Any], str]] = {
    "name": (
        {"wrapper": {"name": "v", "command": "c", "constructor": None}},
        "the wrapper's name is w in a.jsonl and v in b.jsonl",
    ),
    "command": (
        {"wrapper": {"name": "w", "command": "d", "constructor": None}},
        "the wrapper's command is c in a.jsonl and d in b.jsonl",
    ),
    "image": (
        {"wrapper": {"name": "w", "command": "", "constructor": None, "digest": "sha256:1"}},
        "the wrapper's command is c in a.jsonl and sha256:1 in b.jsonl",
    ),
    "constructor": (
        {"wrapper": {"name": "w", "command": "c", "constructor": "m:C"}},
        "the wrapper's constructor is unknown in a.jsonl and m:C in b.jsonl",
    ),
    "runtime": ({"runtime": "process"}, "the runtime is container in a.jsonl and process in b"),
    "suite": ({"suite": "3"}, "the conformance suite is 2 in a.jsonl and 3 in b.jsonl"),
    "commit": (
        {"commit": "1f0c-dirty"},
        "the harness's commit is 1f0c in a.jsonl and 1f0c-dirty in b.jsonl",
    ),
    "repeat": ({"repeat": 2}, "the number of attempts is 1 in a.jsonl and 2 in b.jsonl"),
    "lock": (
        {"locks": {"0.10.2": "other"}},
        "the lock of 0.10.2 is lock of 0.10.2 in a.jsonl and other in b.jsonl",
    ),
    "no lock": (
        {"locks": {"0.10.2": None}},
        "the lock of 0.10.2 is lock of 0.10.2 in a.jsonl and absent in b.jsonl",
    ),
}


@pytest.mark.parametrize("what", STRANGERS)
def test_parts_of_different_runs_are_refused_with_what_tells_them_apart(what: str) -> None:
    change, said = STRANGERS[what]
    with pytest.raises(MergeError) as raised:
        merge([part("a", "0.9.0", "0.10.2"), part("b", "0.13.1", **change)])
    assert str(raised.value).startswith("these are not parts of one run: ")
    assert said in str(raised.value)


def test_a_lock_that_only_a_later_part_has_tells_them_apart() -> None:
    with pytest.raises(MergeError) as raised:
        merge([part("a", "0.9.0", locks={"0.9.0": None}), part("b", "0.10.2", "0.9.0")])
    assert str(raised.value) == (
        "these are not parts of one run: the lock of 0.9.0 is absent in a.jsonl and "
        "lock of 0.9.0 in b.jsonl"
    )


def test_all_that_tells_parts_apart_is_told_at_once() -> None:
    with pytest.raises(MergeError) as raised:
        merge([part("a", "0.9.0"), part("b", "0.10.2", suite="3", commit=None)])
    assert str(raised.value).count(" in a.jsonl and ") == 2


def test_a_joined_file_tells_its_parts(tmp_path: Path) -> None:
    merged: Merged = merge([part("a", "0.9.0"), part("b", "0.10.2")])
    first = results_file_of(merged.run, tmp_path).read_text().splitlines()[0]
    assert [set(shard) for shard in json.loads(first)["shards"]] == [
        {"run", "started", "machine", "engine"}
    ] * 2
