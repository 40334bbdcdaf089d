"""What a run leaves in its folder: results, JUnit, claim, departures in words, transcript."""

from __future__ import annotations

import shlex
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path

from kserve_conformance import failure, requirements
from kserve_conformance.asking import transcript
from kserve_conformance.asking.transcript import Seen
from kserve_conformance.catalogue import Statement
from kserve_conformance.outcome import Outcome
from kserve_conformance.results import badge, claim, junit, surroundings
from kserve_conformance.results.claim import Judged, ProfileClaim
from kserve_conformance.results.record import Header, Record, Run
from kserve_conformance.results.results_file import Writer
from kserve_conformance.results.verdict import Verdict
from kserve_conformance.session import Session
from kserve_conformance.text.visible import printable

RESULTS = "results.jsonl"
CLAIM = "claim.md"
JUNIT = "junit.xml"
DEPARTURES = "departures.txt"
# What a result depends on that isn't in this repository.
_PACKAGES = ("requests", "urllib3", "grpcio", "protobuf", "tritonclient")


@dataclass(frozen=True)
class About:
    """What a claim says of its subject, beside what was judged.

    Attributes:
        subject: what it is called.
        command: what starts it, judges it and writes the claim.
        packages: what it ran with: versions by name.
        note: what else a reader has to know of how it was judged, in sentences; empty for nothing.
    """

    subject: str
    command: Sequence[str]
    packages: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


class Report:
    """Takes the outcomes of one run as they come.

    Args:
        session: the server, whose offer is known.
        statements: what will be judged.
        version: of the requirements that the claim is made by.
        about: what to call the server and how to judge it again; None where only its address
            is known.
    """

    def __init__(
        self,
        out: Path,
        session: Session,
        statements: Sequence[Statement],
        version: str,
        about: About | None = None,
    ) -> None:
        self._out = out
        self._session = session
        self._version = version
        self._about = about or About(
            subject=session.offer.server or session.target.url,
            command=[
                *("kserve-conformance", "run", *session.target.arguments),
                *("--suite-version", version),
            ],
        )
        self._required = requirements.load(version)
        asked = {each.id for each in statements}
        self._is_whole = all(
            each.id in asked
            for each in self._required.values()
            if each.profile in session.target.profiles
        )
        for name in (CLAIM, *badge.FILES, JUNIT, DEPARTURES, transcript.FILE_NAME):
            # Of a run before this one: were this one cut short, it would be taken for its own.
            (out / name).unlink(missing_ok=True)
        self._cell = session.target.url
        self._began = time.monotonic()
        self._judged: list[Judged] = []
        self._seen: list[Seen] = []
        self._explained: list[str] = []
        self._writer = Writer(out / RESULTS, self._header(statements))

    def add(self, outcome: Outcome) -> Record:
        """Write the record of a check."""
        judgement, statement = outcome.judgement, outcome.statement
        self._seen.extend(outcome.seen)
        if outcome.is_finding:
            self._explained.append(printable(failure.explained(outcome)))
        # Nothing is expected of a server that nobody here knows; what it lacks is no finding.
        lacks = judgement.verdict is Verdict.UNSUPPORTED
        expected = Verdict.UNSUPPORTED if lacks else Verdict.PASSED
        record = record_of(
            outcome,
            cell=self._cell,
            axes={"target": self._cell, "model": self._session.target.model},
            expected=expected,
            binding=statement.decides,
        )
        written = self._writer.record(record)
        # What was taken out of the record's words must not stand in the claim.
        self._judged.append(Judged(statement.id, written.verdict, written.message))
        return written

    def finish(self) -> tuple[list[ProfileClaim], Run]:
        """Write the rest, and give the claims and the whole run.

        There are no claims where some of the checks were left out.
        """
        run = self._writer.finish(surroundings.now(), time.monotonic() - self._began)
        junit.write([run], self._out / JUNIT)
        explained = "".join(f"{each}\n\n" for each in self._explained)
        (self._out / DEPARTURES).write_text(explained, encoding="utf-8")
        transcript.write(self._out / transcript.FILE_NAME, self._seen)
        if not self._is_whole:
            return [], run
        claims = claim.of_profiles(
            self._judged,
            self._required,
            self._session.offer.absent,
            self._session.target.profiles,
        )
        # What was taken out of the header's words must not stand in the claim, either.
        subject = run.header.wrapper["name"] or ""
        write_claim(self._out, claims, self._version, replace(self._about, subject=subject))
        return claims, run

    def _header(self, statements: Sequence[Statement]) -> Header:
        return Header(
            run=uuid.uuid4().hex,
            started=surroundings.now(),
            machine=surroundings.machine(),
            commit=surroundings.commit(),
            runtime=None,
            torchserve=[],
            locks={},
            wrapper={
                "name": self._about.subject,
                "command": shlex.join(self._about.command),
                "constructor": None,
            },
            planned={self._cell: [each.id for each in statements]},
            suite=self._version,
        )


def write_claim(out: Path, claims: Sequence[ProfileClaim], version: str, about: About) -> None:
    """Write what a server may claim, by profile, and its badge.

    Args:
        out: a folder.
        version: of the requirements that the claims are made by.
    """
    versions = {"It ran with": about.packages, "Judged with": packages()}
    text = claim.markdown(
        claims,
        version,
        about.subject,
        about.command,
        surroundings.now()[:10],
        {beginning: each for beginning, each in versions.items() if each},
        about.note,
    )
    badge.write(claim.badge(claims, version), out)
    (out / CLAIM).write_text(text, encoding="utf-8", errors="backslashreplace")


def record_of(
    outcome: Outcome,
    *,
    cell: str,
    axes: Mapping[str, str],
    expected: Verdict,
    binding: bool = True,
) -> Record:
    """Write an outcome as a record; what was said is kept where a person will want to see it."""
    return Record(
        cell=cell,
        axes=axes,
        check=outcome.statement.id,
        verdict=outcome.judgement.verdict,
        expected_verdict=expected,
        message=outcome.judgement.message,
        expected=outcome.exhibit.expected,
        observed=outcome.exhibit.observed,
        seconds=round(outcome.seconds, 4),
        evidence=outcome.evidence,
        binding=binding,
        family=outcome.statement.family.name,
    )


def packages() -> dict[str, str]:
    """Give the versions of what the suite asks with."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {"Python": python, **{name: metadata.version(name) for name in _PACKAGES}}
