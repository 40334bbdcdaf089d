"""From verdicts to what may be claimed."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from kserve_conformance import VERSION, catalogue, requirements
from kserve_conformance.catalogue import Level
from kserve_conformance.requirements import Requirement
from kserve_conformance.results import claim
from kserve_conformance.results.badge import AMBER, GREEN, OLIVE, RED
from kserve_conformance.results.claim import Judged, ProfileClaim, Standing
from kserve_conformance.results.verdict import Verdict
from markdown_it import MarkdownIt

CLAIMS = Path(__file__).resolve().parents[3] / "conformance" / "claims"
BINARY = "binary_tensor_data"


def _required(
    name: str, level: Level, family: str, feature: str | None = None, sentence: str = "It answers."
) -> Requirement:
    source = catalogue.families()[family]
    decides = level.binds and source.decides
    profile = name.partition("-")[0].lower()
    return Requirement(name, level, profile, feature, sentence, source, decides)


REQUIRED = {
    each.id: each
    for each in (
        _required("V2-A-001", Level.MUST, "open-inference-protocol"),
        _required("V2-A-002", Level.MUST, "open-inference-protocol"),
        _required("V2-A-003", Level.SHOULD, "kserve"),
        _required("V2-B-001", Level.EXTENSION, "extension", BINARY),
        _required("V1-A-001", Level.MUST, "v1"),
    )
}
HTTP = {
    each.id: each
    for each in (
        _required("V2-C-001", Level.MUST, "http"),
        _required("V2-C-002", Level.EXTENSION, "http", BINARY),
    )
}


def _claim(absent: dict[str, str] | None = None, **verdicts: str) -> ProfileClaim:
    """Make the claim of v2, every check passed but those that are named: V2_A_001="failed"."""
    named = {name.replace("_", "-"): verdict for name, verdict in verdicts.items()}
    return _claim_by(REQUIRED, named, absent=absent)


def _claim_by(
    required: Mapping[str, Requirement],
    verdicts: Mapping[str, str],
    profile: str = "v2",
    absent: dict[str, str] | None = None,
) -> ProfileClaim:
    """Make the claim of a profile, every check passed but those that are named."""
    judged = [
        Judged(each, Verdict(verdicts.get(each, "passed")), f"why {each}")
        for each in required
        if verdicts.get(each) != "left out"
    ]
    (made,) = claim.of_profiles(judged, required, absent or {}, [profile])
    return made


def test_a_server_that_keeps_everything_conforms() -> None:
    made = _claim()
    assert made.standing is Standing.CONFORMS
    assert made.kept == 4
    assert made.extensions == {"binary_tensor_data": []}


@pytest.mark.parametrize(
    ("verdict", "standing"),
    [
        ("failed", "departs"),
        ("unsupported", "partial"),
        ("error", "partial"),
        ("left out", "partial"),
    ],
)
def test_a_must_decides(verdict: str, standing: str) -> None:
    assert _claim(V2_A_002=verdict).standing == standing


def test_a_failed_must_is_worse_than_an_unchecked_one() -> None:
    assert _claim(V2_A_001="failed", V2_A_002="unsupported").standing is Standing.DEPARTS


def test_a_should_is_told_and_decides_nothing() -> None:
    made = _claim(V2_A_003="failed")
    assert made.standing is Standing.CONFORMS
    assert [each.id for each in made.should_failed] == ["V2-A-003"]


def test_an_extension_has_a_standing_of_its_own() -> None:
    made = _claim(V2_B_001="failed")
    assert made.standing is Standing.CONFORMS
    assert [each.id for each in made.extensions["binary_tensor_data"]] == ["V2-B-001"]
    assert _claim(V2_B_001="unsupported").extensions == {}


def test_a_should_of_an_extension_decides_nothing_of_it() -> None:
    should = _required("V2-B-002", Level.SHOULD, "extension", BINARY)
    required = {**REQUIRED, "V2-B-002": should}
    for verdict, failed in ((Verdict.FAILED, ["V2-B-002"]), (Verdict.UNSUPPORTED, [])):
        judged = [Judged(each, Verdict.PASSED, "") for each in REQUIRED]
        (made,) = claim.of_profiles(
            [*judged, Judged("V2-B-002", verdict, "")], required, {}, ["v2"]
        )
        assert made.standing_of("binary_tensor_data") is Standing.CONFORMS
        assert [each.id for each in made.should_failed] == failed


def test_an_extension_of_which_something_was_not_checked_is_partial() -> None:
    more = _required("V2-B-002", Level.EXTENSION, "extension", BINARY)
    judged = [
        Judged("V2-B-001", Verdict.PASSED, ""),
        Judged("V2-B-002", Verdict.UNSUPPORTED, "nothing to unpack"),
    ]
    required = {"V2-B-001": REQUIRED["V2-B-001"], "V2-B-002": more}
    (made,) = claim.of_profiles(judged, required, {}, ["v2"])
    assert made.standing is Standing.CONFORMS
    assert made.standing_of("binary_tensor_data") is Standing.PARTIAL
    text = claim.markdown([made], "1.0", "a-server", ["judge"], "2026-01-02", {})
    assert "binary_tensor_data: partial" in text
    assert "- V2-B-002: *nothing to unpack*" in text


@pytest.mark.parametrize("verdict", ["failed", "unsupported"])
def test_http_has_no_say_in_what_conforms_to_the_protocol(verdict: str) -> None:
    """Nor in what is claimed of an extension: it is told beside that."""
    made = _claim_by({**REQUIRED, **HTTP}, dict.fromkeys(HTTP, verdict))
    assert made.standing is Standing.CONFORMS
    assert made.standing_of(BINARY) is Standing.CONFORMS
    assert made.told == "v2: conforms"


def test_departures_are_told_apart_by_what_they_are_from() -> None:
    required = {**REQUIRED, **HTTP}
    made = _claim_by(required, dict.fromkeys(required, "failed"))
    assert made.told == "v2: departs, binary_tensor_data departs"
    assert claim.by_family([made]) == [
        "departs from the Open Inference Protocol: v2 2 MUST",
        "departs from the text of an extension: v2 1 of binary_tensor_data",
        "departs from HTTP (RFC 9110): v2 1 MUST, 1 of binary_tensor_data",
        "differs from what KServe's own server does: v2 1 SHOULD",
    ]
    text = claim.markdown([made], "1.1", "a-server", ["judge"], "2026-01-02", {})
    for line in (
        "| judged by | decides | v2 |",
        "| the Open Inference Protocol | yes | 2 MUST |",
        "| HTTP (RFC 9110) |  | 1 MUST, 1 of binary_tensor_data |",
        "## v2: departs from the Open Inference Protocol: MUST",
        "## v2: departs from HTTP (RFC 9110): MUST",
        "## v2: differs from what KServe's own server does: SHOULD",
    ):
        assert line in text.splitlines()


@pytest.mark.parametrize(
    ("verdicts", "message", "color"),
    [
        ({}, "v2: conforms", GREEN),
        ({"V2-A-003": "failed"}, "v2: conforms", GREEN),
        ({"V2-C-001": "failed"}, "v2: conforms, departs from HTTP (RFC 9110)", OLIVE),
        ({"V2-B-001": "failed"}, "v2: conforms, binary_tensor_data departs", OLIVE),
        ({"V2-A-002": "unsupported"}, "v2: partial", AMBER),
        (
            {"V2-A-001": "failed", "V2-C-001": "failed"},
            "v2: departs from the Open Inference Protocol",
            RED,
        ),
    ],
    ids=["kept", "should", "http", "extension", "unchecked", "protocol"],
)
def test_a_badge_tells_departures_apart(verdicts: dict[str, str], message: str, color: str) -> None:
    made = claim.badge([_claim_by({**REQUIRED, **HTTP}, verdicts)], "1.1")
    assert (made.label, made.message, made.color) == ("KServe conformance 1.1", message, color)


def test_a_badge_of_what_is_not_offered_is_never_green() -> None:
    assert claim.badge([_claim({"v2": "no V2 here"})], "1.1").color == AMBER


def test_a_badge_names_each_profile_and_each_text_once() -> None:
    required = {**REQUIRED, "V2-A-004": _required("V2-A-004", Level.MUST, "v1")}
    failed = dict.fromkeys(("V2-A-001", "V2-A-002", "V2-A-004", "V1-A-001"), "failed")
    made = [_claim_by(required, failed, profile) for profile in ("v1", "v2")]
    titles = [catalogue.families()[name].title for name in ("open-inference-protocol", "v1")]
    in_order = [each.title for each in catalogue.families().values() if each.title in titles]
    assert claim.badge(made, "1.1").message == f"v1, v2: departs from {' and '.join(in_order)}"


def test_a_profile_has_kept_nothing_of_a_text_that_is_not_its_own() -> None:
    made = [_claim_by(REQUIRED, {}, profile) for profile in ("v1", "v2")]
    text = claim.markdown(made, "1.1", "a-server", ["judge"], "2026-01-02", {})
    assert "| the Open Inference Protocol | yes |  | kept |" in text.splitlines()


def test_a_check_that_was_not_made_is_told_as_a_fault_of_the_suite() -> None:
    text = claim.markdown(
        [_claim(V2_A_001="left out")], "1.1", "a-server", ["judge"], "2026-01-02", {}
    )
    assert "## v2: not settled, by a fault of the suite" in text
    assert "- **V2-A-001** It answers. *the check was not made*" in text


def test_what_was_kept_is_told_by_what_it_is_from() -> None:
    text = claim.markdown([_claim()], "1.1", "a-server", ["judge"], "2026-01-02", {})
    assert "| what KServe's own server does |  | kept |" in text
    assert "| HTTP (RFC 9110) |" not in text


@pytest.mark.parametrize(
    ("failed", "in_1_0", "now"),
    [
        ("V2-HEADER-003", "departs", "conforms"),
        ("V2-INFER-030", "departs", "conforms"),
        ("V2-INFER-016", "departs", "departs"),
        ("V2-INFER-032", "conforms", "conforms"),
    ],
    ids=["http", "json", "protocol", "kserve"],
)
def test_a_claim_of_1_0_is_decided_by_every_must(failed: str, in_1_0: str, now: str) -> None:
    for version, standing in (("1.0", in_1_0), (VERSION, now)):
        made = _claim_by(requirements.load(version), {failed: "failed"})
        assert made.standing == standing, version


@pytest.mark.parametrize("kept", sorted(CLAIMS.glob("*.md")), ids=lambda path: path.stem)
def test_a_claim_that_was_made_keeps_what_it_says(kept: Path) -> None:
    text = kept.read_text(encoding="utf-8")
    (version,) = re.findall(r"^Judged \S+ by kserve-conformance (\S+)\.$", text, re.MULTILINE)
    failed = set(re.findall(r"^- \*\*(\S+)\*\*", text, re.MULTILINE))
    unchecked = re.findall(r"^- ([A-Z][^:*]+): ", text, re.MULTILINE)
    verdicts = dict.fromkeys(", ".join(unchecked).split(", "), Verdict.UNSUPPORTED)
    verdicts |= dict.fromkeys(failed, Verdict.FAILED)
    required = requirements.load(version)
    judged = [Judged(each, verdicts.get(each, Verdict.PASSED), "") for each in required]
    for made in claim.of_profiles(judged, required, {}):
        said = re.findall(rf"^\| {made.profile} \| ([^|]+) [|]", text, re.MULTILINE)
        assert said[0] in (f"**{made.standing}**", "not offered")


def test_an_extension_of_1_0_is_decided_by_every_statement_of_it() -> None:
    for version, standing in (("1.0", "departs"), (VERSION, "conforms")):
        made = _claim_by(requirements.load(version), {"V1-EXPLAIN-006": "failed"}, "v1")
        assert made.standing_of("explain") == standing, version


def test_other_profiles_have_no_say() -> None:
    assert _claim(V1_A_001="failed").standing is Standing.CONFORMS


def test_what_is_not_offered_is_not_judged() -> None:
    made = _claim(absent={"v2": "no V2 here"}, V2_A_001="failed")
    assert made.standing is Standing.NOT_OFFERED


def test_a_check_that_the_requirements_do_not_name_has_no_say() -> None:
    """A claim of an old version is never failed by a new check."""
    judged = [Judged(each, Verdict.PASSED, "") for each in REQUIRED]
    judged.append(Judged("V2-NEW-001", Verdict.FAILED, "too new"))
    (made,) = claim.of_profiles(judged, REQUIRED, {}, ["v2"])
    assert made.standing is Standing.CONFORMS


def test_the_claim_says_how_to_reproduce_it() -> None:
    made = _claim(V2_A_001="failed")
    command = ["kserve-conformance", "run", "--target", "http://h:1"]
    surroundings = {"Judged with": {"grpcio": "1.80"}}
    text = claim.markdown([made], "1.0", "a-server 2.0", command, "2026-01-02", surroundings)
    beginning = "# a-server 2.0\n\nJudged 2026-01-02 by kserve-conformance 1.0.\n\n| profile | "
    assert text.startswith(beginning)
    assert "| v2 | **departs** | 3 | 1 | 0 | 0 | binary_tensor_data: conforms |" in text
    assert "- **V2-A-001** It answers. *why V2-A-001*" in text
    assert "\n## Reproduce\n\n```sh\nkserve-conformance run --target http://h:1\n```\n" in text
    assert "Judged with grpcio 1.80." in text
    assert "under development" not in text


def test_what_a_reader_has_to_know_besides_stands_before_the_table() -> None:
    note = "Judged with *A=1*, in two parts."
    text = claim.markdown([_claim()], "1.0", "a-server", ["judge"], "2026-01-02", {}, note)
    assert "\n\nJudged with \\*A=1\\*, in two parts.\n\n| profile |" in text


def test_the_claim_says_that_a_version_is_not_frozen() -> None:
    text = claim.markdown([_claim()], "99.0", "a-server", ["judge"], "2026-01-02", {})
    assert "The requirements of this version may still change: it is under development." in text


HOSTILE = "![x](http://evil/p.png) <img src=x> [link](http://evil) `code` @you\n# heading"


def test_a_server_cannot_write_into_the_claim_about_it() -> None:
    judged = [
        Judged("V2-A-001", Verdict.FAILED, HOSTILE),
        Judged("V2-A-002", Verdict.UNSUPPORTED, HOSTILE),
    ]
    (made,) = claim.of_profiles(judged, REQUIRED, {}, ["v2"])
    command = ["judge", "```\n![x](http://evil/p.png)"]
    text = claim.markdown([made], "1.0", HOSTILE, command, "2026-01-02", {"With": {"a_": "`"}})
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    inline = [child for each in tokens for child in each.children or ()]
    assert not {"image", "link_open", "html_inline"} & {each.type for each in inline}
    assert "html_block" not in {each.type for each in tokens}
    headings = [b.content for a, b in itertools.pairwise(tokens) if a.tag == "h1"]
    assert len([each for each in headings if each]) == 1
    seen = "".join(each.content for each in inline)
    # In the title, and as the reasons of what failed and of what wasn't checked.
    assert seen.count("![x](http://evil/p.png) <img src=x>") == 3
    assert "@" not in text
