"""The page holds all of the results in one small file, and says most without its script."""

from __future__ import annotations

import base64
import datetime
import gzip
import hashlib
import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from kserve_conformance.results.record import Run
from kserve_conformance.results.verdict import Verdict
from kserve_conformance.text.visible import visible

from matrix.planning import policy
from matrix.planning.policy import Policy
from matrix.reports import page
from matrix.reports.findings import Findings
from matrix.reports.page import payload, rows
from tests.matrix import variants

TODAY = datetime.date(2026, 11, 25)
CELL = "kserve0.13.1-unset-kserve-torchserve0.12.0"


@pytest.fixture(scope="module")
def no_known() -> Policy:
    return replace(policy.load(), known_failing=(), known_flaky=())


# Pages that several tests read: what is in one takes longer to gather than to look at.
@pytest.fixture(scope="module")
def of_unfixed(unfixed_run: Run, no_known: Policy) -> str:
    return page.html([unfixed_run], no_known, TODAY)


@pytest.fixture(scope="module")
def of_all_releases(default_run: Run, no_known: Policy) -> str:
    run = variants.of_all_releases(default_run)
    assert len(run.header.planned) == 469
    return page.html([run], no_known, TODAY)


@pytest.fixture(scope="module")
def of_both_backends(two: Run, process_run: Run, no_known: Policy) -> str:
    return page.html([two, process_run], no_known, TODAY)


def test_it_is_one_file_that_asks_for_nothing(of_unfixed: str) -> None:
    assert "default-src 'none'" in of_unfixed
    outside = re.findall(r"<(?:link|img|iframe|script|source)\b[^>]*(?:src|href)=", of_unfixed)
    assert outside == []


def test_its_policy_names_its_own_script_and_style(of_unfixed: str) -> None:
    for tag in ("style", "script"):
        inline = re.search(rf"<{tag}>(.*?)</{tag}>", of_unfixed, re.DOTALL)
        assert inline is not None
        digest = base64.b64encode(hashlib.sha256(inline[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in of_unfixed


def test_every_record_is_in_it(unfixed_run: Run, of_unfixed: str) -> None:
    data = _data(of_unfixed)
    columns, texts = data["records"], data["texts"]
    assert {len(column) for column in columns.values()} == {len(unfixed_run.records)}
    found = {
        (
            data["cells"][cell]["id"],
            data["checks"][check]["id"],
            data["verdicts"][verdict],
            texts[at],
        )
        for cell, check, verdict, at in zip(
            columns["cell"], columns["check"], columns["verdict"], columns["message"], strict=True
        )
    }
    assert found == {
        (each.cell, each.check, str(each.verdict), each.message) for each in unfixed_run.records
    }


def test_evidence_comes_back_as_it_was(unfixed_run: Run, of_unfixed: str) -> None:
    data = _data(of_unfixed)
    texts = data["texts"]
    columns = data["records"]
    logs = [columns[name] for name in ("wrapperLog", "torchserveLog", "traceback")]
    found = sorted(
        (
            tuple(
                tuple(texts[text] for text in data["exchanges"][each])
                for each in data["conversations"][conversation]
            ),
            *(texts[log] for log in held),
        )
        for conversation, *held in zip(columns["exchanges"], *logs, strict=True)
    )
    assert found == sorted(
        (
            tuple(
                (each["request"], each["response"]) for each in record.evidence.get("exchanges", ())
            ),
            *(
                record.evidence.get(log, "")
                for log in ("wrapper_log", "torchserve_log", "traceback")
            ),
        )
        for record in unfixed_run.records
    )


def test_a_check_has_its_statement_and_where_that_is_from(of_unfixed: str) -> None:
    checks = {each["id"]: each for each in _data(of_unfixed)["checks"]}
    assert checks["starts"]["statement"] == "The wrapper starts and says that its models are ready."
    assert checks["starts"]["source"] == "matrix/expectations.toml"
    statement = checks["V1-PREDICT-001"]
    assert statement["level"] == "MUST"
    assert statement["departure"].startswith("departs from ")
    assert statement["source"]
    assert statement["statement"]


def test_all_27_releases_are_less_than_2_megabytes(of_all_releases: str) -> None:
    assert len(of_all_releases.encode()) < 2_000_000


def test_the_same_results_give_the_same_page(
    unfixed_run: Run, no_known: Policy, of_unfixed: str
) -> None:
    assert page.html([unfixed_run], no_known, TODAY) == of_unfixed


def test_hostile_words_stay_words(unfixed_run: Run, no_known: Policy) -> None:
    text = page.html([variants.hostile(unfixed_run)], no_known, TODAY)
    # Two scripts, the data and the code: none that came with the results.
    assert _Tags.of(text).count("script") == 2
    assert "img" not in _Tags.of(text)
    assert "{{ 7 * 7 }}" in text
    hidden = re.compile(
        r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
    )
    assert not hidden.search(text)
    assert variants.HOSTILE in _data(text)["texts"]


def test_hidden_signs_are_made_visible() -> None:
    assert visible("a\u202eb\x00\ud800\tc\n\u00e9") == "a\\u202eb\\u0000\\ud800\tc\n\u00e9"


def test_a_run_that_was_cut_short_says_so_aloud(
    two: Run, no_known: Policy, of_both_backends: str
) -> None:
    short = replace(two, records=two.records[:-500], footer=None)
    text = page.html([short], no_known, TODAY)
    assert "<strong>Cut short.</strong> The run started" in text
    data = _data(text)
    missing = data["verdicts"].index("missing")
    assert data["records"]["verdict"].count(missing) == 500
    assert "Cut short" not in of_both_backends


def test_the_footprint_is_found_in_what_was_said(of_unfixed: str) -> None:
    text = _text(of_unfixed)
    assert "None is not a valid PredictorProtocol with unset on KServe 0.11.2, 0.13.1" in text
    assert "Unsupported protocol None. with unset on KServe 0.14.1" in text


def test_without_the_bug_its_words_are_nowhere(of_all_releases: str) -> None:
    assert _text(of_all_releases).count("nowhere, on 27 releases") == 2


def test_known_failures_have_their_reason_age_and_end(two: Run, no_known: Policy) -> None:
    listed = replace(
        no_known,
        known_failing=(
            variants.known(
                ("starts",),
                {"kserve": "==0.9.0"},
                reason="A reason.",
                issue="https://example.org/1",
            ),
            variants.known(
                ("constructor",),
                {"kserve": "==0.1"},
                until=datetime.date(2026, 11, 24),
                issue="javascript:alert(1)",
            ),
        ),
        known_flaky=(variants.known(("v1-predict",), {}, least_pass_rate=0.9),),
    )
    text = page.html([two], listed, TODAY)
    assert "A reason. https://example.org/1 24 days 2026-12-31 36 days left" in _text(text)
    assert "2026-11-24 expired none of its cells" in _text(text)
    assert "flaky, at least 90% pass" in _text(text)
    assert 'href="https://example.org/1"' in text
    assert 'href="javascript' not in text


def test_what_a_record_is_listed_as_can_be_filtered(two: Run, no_known: Policy) -> None:
    listed = replace(
        no_known,
        known_failing=(variants.known(("starts",), {"kserve": "==0.9.0"}),),
        known_flaky=(variants.known(("v1-predict",), {"protocol": "v1"}),),
    )
    cells = _cells(two, listed)
    failing, flaky = _having(cells, "known-failing"), _having(cells, "known-flaky")
    assert {(cell.axes["kserve"], row.check) for cell, row in failing} == {("0.9.0", "starts")}
    assert {(cell.axes["protocol"], row.check) for cell, row in flaky} == {("v1", "v1-predict")}


def test_attempts_that_differ_can_be_filtered_and_are_told(
    mutant_run: Run, no_known: Policy
) -> None:
    run = variants.with_one_protocol(mutant_run, "v1")
    again = [replace(record, attempt=2) for record in run.records]
    at = next(at for at, record in enumerate(again) if record.verdict is Verdict.PASSED)
    again[at] = replace(again[at], verdict=Verdict.FAILED)
    header = replace(run.header, repeat=2)
    twice = replace(run, header=header, records=[*run.records, *again])
    differing = _having(_cells(twice, no_known), "differs")
    assert {(cell.id, row.check) for cell, row in differing} == {(again[at].cell, again[at].check)}
    assert "1 of 2 attempts passed, 95% interval" in _text(page.html([twice], no_known, TODAY))


def test_the_environment_has_images_and_locks(default_run: Run, of_all_releases: str) -> None:
    text = _text(of_all_releases)
    assert default_run.header.torchserve[0]["identity"] in text
    for digest in default_run.header.locks.values():
        assert digest is not None
        assert digest in text


def test_runs_of_different_commits_are_told_as_such(
    two: Run, mutant_run: Run, no_known: Policy
) -> None:
    one, other = (
        replace(run, header=replace(run.header, commit=commit))
        for run, commit in ((two, "a" * 40), (mutant_run, "b" * 40))
    )
    told = f"Different commits. These runs are of {'a' * 12} and {'b' * 12}"
    assert told in _text(page.html([one, other], no_known, TODAY))
    assert "Different commits" not in _text(page.html([one], no_known, TODAY))


def test_what_is_so_of_all_runs_is_said_once(of_both_backends: str) -> None:
    assert _text(of_both_backends).count("Cells run side by side") == 1


def test_the_head_says_when_in_utc(unfixed_run: Run, no_known: Policy) -> None:
    header = replace(unfixed_run.header, started="2026-11-25T07:06:38+02:00")
    text = page.html([replace(unfixed_run, header=header)], no_known, TODAY)
    assert ">2026-11-25 05:06 UTC</time>" in text


def test_medians_are_not_summed_up(of_both_backends: str) -> None:
    text = _text(of_both_backends)
    title = "Until an invalid PROTOCOL_VERSION ends the process, medians KServe "
    assert f"{title}median longest times" in text
    assert " check in all median longest times" in text


def test_both_backends_are_on_one_page(two: Run, process_run: Run, of_both_backends: str) -> None:
    data = _data(of_both_backends)
    assert data["axes"]["runtime"] == ["container", "process"]
    assert len(data["records"]["cell"]) == len(two.records) + len(process_run.records)


def test_columns_are_whole_numbers_of_what_they_stand_for(
    mutant_run: Run, no_known: Policy
) -> None:
    document = payload.of(_cells(mutant_run, no_known))
    seconds = sum(document["records"]["ticks"]) / document["ticks"]
    assert seconds == pytest.approx(sum(each.seconds for each in mutant_run.records), abs=0.01)


def test_each_finding_has_a_link_to_all_of_its_records(of_unfixed: str) -> None:
    links = re.findall(r'href="#results\?finding=(\d+)">all ([\d,]+)</a>', of_unfixed)
    assert len(links) > 100
    promised = {int(number): int(count.replace(",", "")) for number, count in links}
    data = _data(of_unfixed)
    held = Counter(data["records"]["finding"])
    del held[0]
    assert held == promised
    assert len(data["finding"]) == len(promised)


def test_the_figures_count_what_their_links_open(unfixed_run: Run, no_known: Policy) -> None:
    text = page.html([_with_known(unfixed_run)], no_known, TODAY)
    data = _data(text)
    bits = {name: 1 << bit for bit, (name, _) in enumerate(data["outcomes"])}
    for outcome in ("unexpected", "known"):
        (count,) = re.findall(rf'href="#results\?outcome={outcome}">([\d,]+)</a>', text)
        held = [each for each in data["records"]["outcomes"] if each & bits[outcome]]
        assert int(count.replace(",", "")) == len(held) > 0


def test_what_is_not_as_expected_is_counted_by_verdict(unfixed_run: Run, of_unfixed: str) -> None:
    verdicts = Counter(str(each.verdict) for each in unfixed_run.records if not each.as_expected)
    text = _text(of_unfixed)
    told = f"{verdicts['failed']:,} failed, {verdicts['unsupported']:,} unsupported"
    assert f"not as expected {verdicts.total():,} {told} known failures" in text


def test_a_known_failure_is_one_wherever_it_is_told(two: Run, no_known: Policy) -> None:
    run = _with_known(two)
    flaky = [each for each in run.records if not each.binding]
    listed = replace(no_known, known_flaky=(variants.known(("v1-predict",), {"protocol": "v1"}),))
    text = page.html([run], listed, TODAY)
    told, data = _text(text), _data(text)
    assert "not as expected 0 known failures" in told
    assert "Not as expected, each cause once" not in told
    assert "Everything that ran is as expected, or known to fail." in told
    assert "failed known flaky v1-predict" in told
    assert f"known failures {len(flaky)}" in told
    known = next(at for at, (name, *_) in enumerate(data["states"]) if name == "known")
    assert data["records"]["state"].count(known) == len(flaky)


def test_the_link_of_an_entry_opens_what_it_counts(two: Run, no_known: Policy) -> None:
    listed = replace(
        no_known,
        known_failing=(
            variants.known(("v1-predict",), {"kserve": "==0.9.0"}),
            variants.known(("v1-predict", "starts"), {"protocol": ["v1", "v2"]}),
        ),
    )
    text = page.html([two], listed, TODAY)
    data = _data(text)
    links = re.findall(r'href="#results\?entry=(\d)">\d+ of (\d+) failed</a>', text)
    assert [number for number, _ in links] == ["1", "2"]
    about = [data["about"][each] for each in data["records"]["about"]]
    for number, seen in links:
        assert sum(int(number) in each for each in about) == int(seen) > 0


def _with_known(run: Run) -> Run:
    """Give a run in which v1-predict failed with v1, as is known to happen at times."""
    records = [
        replace(each, verdict=Verdict.FAILED, message="no answer", binding=False)
        if (each.check, each.axes["protocol"]) == ("v1-predict", "v1")
        else each
        for each in run.records
    ]
    return replace(run, records=records)


def _cells(run: Run, listed: Policy) -> list[rows.PageCell]:
    return list(rows.cells([run], listed, Findings.of([run], listed)))


def _data(text: str) -> dict[str, Any]:
    packed = re.search(r'id="data">([^<]*)<', text)
    assert packed is not None
    found: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(packed[1])))
    return found


def _having(cells: list[rows.PageCell], outcome: str) -> list[tuple[rows.PageCell, rows.Row]]:
    bit = 1 << list(rows.OUTCOMES).index(outcome)
    return [(cell, row) for cell in cells for row in cell.rows if row.outcomes & bit]


def _text(text: str) -> str:
    """Give what is to be read, words apart by one space."""
    return _Tags.read(text).words


class _Tags(HTMLParser):
    """Collects tags, and the words between them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.pieces: list[str] = []

    @classmethod
    def read(cls, text: str) -> _Tags:
        parser = cls()
        parser.feed(text)
        return parser

    @classmethod
    def of(cls, text: str) -> list[str]:
        return cls.read(text).tags

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.pieces).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] not in ("script", "style"):
            self.pieces.append(data)
