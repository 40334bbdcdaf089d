"""Judges one server: looks at what it offers, then makes one check after another."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from conformance import checks, offer
from conformance.catalogue import Statement
from conformance.exhibit import Exhibit
from conformance.expect import Departure
from conformance.http_client import HttpClient
from conformance.judgement import Judgement, judge
from conformance.offer import Offer
from conformance.server import Server
from conformance.target import Target
from conformance.transcript import Seen
from conformance.verdicts import SubjectFailed, Verdict


@dataclass(frozen=True)
class Outcome:
    """What a check came to, with the error that it ended with where that is the suite's own."""

    statement: Statement
    judgement: Judgement
    exhibit: Exhibit
    seconds: float
    seen: Sequence[Seen] = ()
    error: BaseException | None = field(default=None, compare=False)


class Session:
    """One server under judgement. Use as a context manager, or call `close`.

    Raises:
        SubjectFailed: when nothing answers at the address.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self._http = HttpClient(target.url, target.timeout)
        server = Server(target, "detection", self._http, Offer())
        try:
            server.get("/")
        except Departure as error:
            self.close()
            raise SubjectFailed(f"nothing answers at {target.url}: {error}") from None
        self.offer = offer.look(server, target)
        server.close()

    def judge(self, statement: Statement) -> Outcome:
        """Make the check of a statement."""
        began = time.monotonic()
        reason = self.offer.why_unsupported(statement.profile, statement.feature)
        if reason is not None:
            return Outcome(statement, Judgement(Verdict.UNSUPPORTED, reason), Exhibit(), 0.0)
        server = Server(self.target, statement.id, self._http, self.offer)
        error: BaseException | None = None
        try:
            checks.all_checks()[statement.id](server)
        except Exception as raised:
            error = raised
        finally:
            server.close()
        if isinstance(error, Departure):
            server.exhibit.expected, server.exhibit.observed = error.expected, error.observed
        seconds = time.monotonic() - began
        return Outcome(statement, judge(error), server.exhibit, seconds, server.seen, error)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
