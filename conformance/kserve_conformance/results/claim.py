"""From the outcomes of the checks to what may be claimed of the server."""

from __future__ import annotations

import enum
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kserve_conformance import catalogue, requirements
from kserve_conformance.catalogue import PROFILES, Family, Level
from kserve_conformance.requirements import Requirement
from kserve_conformance.results.badge import AMBER, GREEN, OLIVE, RED, Badge
from kserve_conformance.results.verdict import Verdict
from kserve_conformance.text import gfm

_LONGEST = 300
_NOT_FROZEN = "The requirements of this version may still change: it is under development."
_DECIDES = (
    "Texts that decide are marked: by their MUSTs a server conforms or departs, and by what they "
    "say of an extension it may claim that. Departures from the others are told beside it."
)


class Standing(enum.StrEnum):
    """What a server may claim of a profile."""

    CONFORMS = "conforms"
    PARTIAL = "partial"
    """No MUST that decides fails, but one or more could not be checked."""
    DEPARTS = "departs"
    """A MUST that decides fails."""
    NOT_OFFERED = "not offered"


@dataclass(frozen=True)
class NotKept:
    """A statement that a server departs from, or that couldn't be checked, and why."""

    requirement: Requirement
    reason: str

    @property
    def id(self) -> str:
        """Give the statement's id."""
        return self.requirement.id


@dataclass
class ProfileClaim:
    """What may be claimed of one profile.

    Attributes:
        kept: how many statements were checked and kept.
        judged_by: by the name of a family of texts, how many of its statements were checked.
        decided_by: names of the families that have a say in what may be claimed.
        must_failed: MUSTs that the server departs from.
        must_unchecked: MUSTs that could not be checked.
        should_failed: SHOULDs that it departs from.
        extensions: by extension that was judged, what it departs from.
        extensions_unchecked: by extension, what could not be checked of it.
        unsettled: checks that ended with a fault of the suite's own.
    """

    profile: str
    kept: int = 0
    judged_by: Counter[str] = field(default_factory=Counter)
    decided_by: set[str] = field(default_factory=set)
    must_failed: list[NotKept] = field(default_factory=list)
    must_unchecked: list[NotKept] = field(default_factory=list)
    should_failed: list[NotKept] = field(default_factory=list)
    extensions: dict[str, list[NotKept]] = field(default_factory=dict)
    extensions_unchecked: dict[str, list[NotKept]] = field(default_factory=dict)
    unsettled: list[NotKept] = field(default_factory=list)
    absent: str | None = None

    @property
    def standing(self) -> Standing:
        """Give what may be claimed."""
        if self.absent is not None:
            return Standing.NOT_OFFERED
        if _decide(self.must_failed):
            return Standing.DEPARTS
        unknown = _decide(self.must_unchecked) or self.unsettled
        return Standing.PARTIAL if unknown else Standing.CONFORMS

    def standing_of(self, extension: str) -> Standing:
        """Give what may be claimed of an extension."""
        if extension not in self.extensions:
            return Standing.NOT_OFFERED
        if _decide(self.extensions[extension]):
            return Standing.DEPARTS
        unknown = _decide(self.extensions_unchecked.get(extension, ()))
        return Standing.PARTIAL if unknown else Standing.CONFORMS

    @property
    def told(self) -> str:
        """Tell it in a line."""
        if self.absent is not None:
            return f"{self.profile}: {self.standing}: {' '.join(self.absent.split())}"
        standings = {name: self.standing_of(name) for name in self.extensions}
        others = [
            f", {name} {each}" for name, each in standings.items() if each is not Standing.CONFORMS
        ]
        return f"{self.profile}: {self.standing}{''.join(others)}"

    def departures(self, family: Family) -> Mapping[str, Sequence[NotKept]]:
        """Give what the server departs from in a family of texts, by level or by extension."""
        levels = {"MUST": self.must_failed, **self.extensions, "SHOULD": self.should_failed}
        found = {
            level: [each for each in failed if each.requirement.family == family]
            for level, failed in levels.items()
        }
        return {level: each for level, each in found.items() if each}

    def in_numbers(self, family: Family) -> str:
        """Say how many departures there are from a family of texts, empty for none."""
        found = self.departures(family)
        return ", ".join(
            f"{len(each)} {'of ' if level in self.extensions else ''}{level}"
            for level, each in found.items()
        )


@dataclass(frozen=True)
class Judged:
    """The verdict of one check and its reason, as a claim needs them."""

    id: str
    verdict: Verdict
    message: str


def of_profiles(
    judged: Sequence[Judged],
    required: Mapping[str, Requirement],
    absent: Mapping[str, str],
    profiles: Sequence[str] = PROFILES,
) -> list[ProfileClaim]:
    """Make the claim of each profile.

    Args:
        judged: outcomes; those that the requirements don't name are left out.
        absent: by profile that isn't offered, why it was taken for that.
    """
    by_id = {each.id: each for each in judged}
    claims = []
    for profile in profiles:
        claim = ProfileClaim(profile, absent=absent.get(profile))
        for requirement in required.values():
            if requirement.profile == profile and claim.absent is None:
                _add(claim, requirement, by_id.get(requirement.id))
        claims.append(claim)
    return claims


def _decide(findings: Sequence[NotKept]) -> bool:
    return any(each.requirement.decides for each in findings)


def _add(claim: ProfileClaim, requirement: Requirement, judged: Judged | None) -> None:
    judged = judged or Judged(requirement.id, Verdict.ERROR, "the check was not made")
    finding = NotKept(requirement, judged.message)
    verdict = judged.verdict
    # Of an extension, too, a SHOULD is told and decides nothing.
    extension = requirement.feature if requirement.level is Level.EXTENSION else None
    if requirement.decides:
        claim.decided_by.add(requirement.family.name)
    if verdict in (Verdict.PASSED, Verdict.FAILED):
        claim.judged_by[requirement.family.name] += 1
    if verdict is Verdict.PASSED:
        claim.kept += 1
        if extension:
            claim.extensions.setdefault(extension, [])
    elif verdict is Verdict.UNSUPPORTED:
        if extension:
            claim.extensions_unchecked.setdefault(extension, []).append(finding)
        elif requirement.level is Level.MUST:
            claim.must_unchecked.append(finding)
    elif verdict is not Verdict.FAILED:
        claim.unsettled.append(finding)
    elif extension:
        claim.extensions.setdefault(extension, []).append(finding)
    else:
        (claim.must_failed if requirement.level is Level.MUST else claim.should_failed).append(
            finding
        )


def badge(claims: Sequence[ProfileClaim], version: str) -> Badge:
    """Say on a badge what is claimed: green where nothing is departed from but advice.

    Args:
        version: of the requirements that the claims are made by.
    """
    label = f"KServe conformance {version}"
    by_standing = {
        standing: [each for each in claims if each.standing is standing] for standing in Standing
    }
    if departs := by_standing[Standing.DEPARTS]:
        failed = [each for claim in departs for each in claim.must_failed]
        titles = _titles(each for each in failed if each.requirement.decides)
        return Badge(label, f"{_named(departs)}: departs from {titles}", RED)
    if partial := by_standing[Standing.PARTIAL]:
        return Badge(label, f"{_named(partial)}: partial", AMBER)
    conforms = by_standing[Standing.CONFORMS]
    if not conforms:
        return Badge(label, "nothing offered", AMBER)
    told = f"{_named(conforms)}: conforms"
    extensions = {
        name
        for claim in conforms
        for name in claim.extensions
        if claim.standing_of(name) is Standing.DEPARTS
    }
    if extensions:
        return Badge(label, f"{told}, {', '.join(sorted(extensions))} departs", OLIVE)
    if beside := [each for claim in conforms for each in claim.must_failed]:
        return Badge(label, f"{told}, departs from {_titles(beside)}", OLIVE)
    return Badge(label, told, GREEN)


def _named(claims: Sequence[ProfileClaim]) -> str:
    return ", ".join(claim.profile for claim in claims)


def _titles(findings: Iterable[NotKept]) -> str:
    found = {each.requirement.family.title for each in findings}
    titles = (family.title for family in catalogue.families().values())
    return " and ".join(title for title in titles if title in found)


def markdown(
    claims: Sequence[ProfileClaim],
    version: str,
    subject: str,
    command: Sequence[str],
    date: str,
    surroundings: Mapping[str, Mapping[str, str]],
    note: str = "",
) -> str:
    """Write a claim for others to read and to reproduce.

    Args:
        subject: what was judged, by its own word or its owner's.
        command: what does it again.
        surroundings: what else tells one result from another: by sentence's beginning, such as
            "Judged with", names and versions.
        note: what else its reader has to know, in sentences.
    """
    lines = [
        f"# {gfm.text(subject)}",
        "",
        f"Judged {date} by kserve-conformance {version}.",
        "",
        *([] if version in requirements.versions() else [_NOT_FROZEN, ""]),
        *([gfm.text(note), ""] if note else []),
        "| profile | claim | kept | MUST failed | MUST unchecked | SHOULD failed | extensions |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [_row(claim) for claim in claims]
    lines += _table_by_family(claims)
    for claim in claims:
        lines += _details(claim)
    lines += ["", "## Reproduce", "", *gfm.block(shlex.join(command), "sh"), ""]
    for beginning, versions in surroundings.items():
        told = gfm.text(", ".join(f"{name} {version}" for name, version in versions.items()))
        lines += [f"{beginning} {told}.", ""]
    return "\n".join(lines)


def _row(claim: ProfileClaim) -> str:
    if claim.absent is not None:
        return f"| {claim.profile} | {claim.standing} | | | | | |"
    extensions = ", ".join(f"{name}: {claim.standing_of(name)}" for name in claim.extensions)
    return (
        f"| {claim.profile} | **{claim.standing}** | {claim.kept} | {len(claim.must_failed)} | "
        f"{len(claim.must_unchecked)} | {len(claim.should_failed)} | {extensions} |"
    )


def by_family(claims: Sequence[ProfileClaim]) -> list[str]:
    """Tell departures apart by what they are from: a line for each family, with its numbers."""
    lines = []
    for family in catalogue.families().values():
        numbers = {claim.profile: claim.in_numbers(family) for claim in claims}
        told = "; ".join(f"{profile} {each}" for profile, each in numbers.items() if each)
        lines += [f"{family.departure}: {told}"] if told else []
    return lines


def _kept(claim: ProfileClaim, family: Family) -> str:
    return "kept" if claim.judged_by[family.name] else ""


def _table_by_family(claims: Sequence[ProfileClaim]) -> list[str]:
    judged = [claim for claim in claims if claim.absent is None]
    rows = []
    for family in catalogue.families().values():
        if any(claim.judged_by[family.name] for claim in judged):
            decides = any(family.name in claim.decided_by for claim in judged)
            cells = [claim.in_numbers(family) or _kept(claim, family) for claim in judged]
            rows.append(f"| {family.title} | {'yes' if decides else ''} | {' | '.join(cells)} |")
    if not rows:
        return []
    heads = [f"| judged by | decides | {' | '.join(claim.profile for claim in judged)} |"]
    return ["", _DECIDES, "", *heads, f"|---|---|{'---|' * len(judged)}", *rows]


def _details(claim: ProfileClaim) -> list[str]:
    groups = [
        (f"{family.departure}: {level}", found)
        for family in catalogue.families().values()
        for level, found in claim.departures(family).items()
    ]
    groups.append(("not settled, by a fault of the suite", claim.unsettled))
    lines = []
    for title, findings in groups:
        if findings:
            lines += ["", f"## {claim.profile}: {title}", ""]
            lines += [
                f"- **{each.id}** {each.requirement.sentence} {_why(each.reason)}"
                for each in findings
            ]
    lines += _unchecked(f"{claim.profile}: MUST, not checked", claim.must_unchecked)
    for name in claim.extensions:
        left_out = claim.extensions_unchecked.get(name, [])
        lines += _unchecked(f"{claim.profile}: Extension {name}, not checked", left_out)
    return lines


def _unchecked(title: str, findings: Sequence[NotKept]) -> list[str]:
    # One reason most often keeps many from being checked.
    by_reason: dict[str, list[str]] = {}
    for each in findings:
        by_reason.setdefault(each.reason, []).append(each.id)
    listed = [f"- {', '.join(ids)}: {_why(why)}" for why, ids in by_reason.items()]
    return ["", f"## {title}", "", *listed] if listed else []


def _why(reason: str) -> str:
    # The words of the server that is judged are among them.
    told = gfm.text(" ".join(reason.split())[:_LONGEST])
    return f"*{told}*" if told else ""
