"""From verdicts to what may be claimed."""

from __future__ import annotations

import itertools

import pytest
from kserve_conformance.catalogue import Level
from kserve_conformance.requirements import Requirement
from kserve_conformance.results import claim
from kserve_conformance.results.claim import Judged, ProfileClaim, Standing
from kserve_conformance.results.verdict import Verdict
from markdown_it import MarkdownIt

REQUIRED = {
    each.id: each
    for each in (
        Requirement("V2-A-001", Level.MUST, "v2", None, "It answers."),
        Requirement("V2-A-002", Level.MUST, "v2", None, "It answers well."),
        Requirement("V2-A-003", Level.SHOULD, "v2", None, "It answers soon."),
        Requirement("V2-B-001", Level.EXTENSION, "v2", "binary_tensor_data", "It packs."),
        Requirement("V1-A-001", Level.MUST, "v1", None, "It predicts."),
    )
}


def _claim(absent: dict[str, str] | None = None, **verdicts: str) -> ProfileClaim:
    """Make the claim of v2, every check passed but those that are named: V2_A_001="failed"."""
    judged = [
        Judged(each, Verdict(verdicts.get(each.replace("-", "_"), "passed")), f"why {each}")
        for each in REQUIRED
        if verdicts.get(each.replace("-", "_")) != "left out"
    ]
    (made,) = claim.of_profiles(judged, REQUIRED, absent or {}, ["v2"])
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
    should = Requirement("V2-B-002", Level.SHOULD, "v2", "binary_tensor_data", "It unpacks well.")
    required = {**REQUIRED, "V2-B-002": should}
    for verdict, failed in ((Verdict.FAILED, ["V2-B-002"]), (Verdict.UNSUPPORTED, [])):
        judged = [Judged(each, Verdict.PASSED, "") for each in REQUIRED]
        (made,) = claim.of_profiles(
            [*judged, Judged("V2-B-002", verdict, "")], required, {}, ["v2"]
        )
        assert made.standing_of("binary_tensor_data") is Standing.CONFORMS
        assert [each.id for each in made.should_failed] == failed


def test_an_extension_of_which_something_was_not_checked_is_partial() -> None:
    more = Requirement("V2-B-002", Level.EXTENSION, "v2", "binary_tensor_data", "It unpacks.")
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
    assert "# a-server 2.0" in text
    assert "| v2 | **departs** | 3 | 1 | 0 | 0 | binary_tensor_data: conforms |" in text
    assert "- **V2-A-001** It answers. *why V2-A-001*" in text
    assert "kserve-conformance run --target http://h:1" in text
    assert "Judged with grpcio 1.80." in text
    assert "under development" not in text


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
