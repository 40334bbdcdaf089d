"""Judges one server: looks at what it offers, then makes one check after another."""

from __future__ import annotations

import time
from contextlib import closing

from kserve_conformance import checks, expect
from kserve_conformance.asking import ingress, offer
from kserve_conformance.asking.http_client import HttpClient, NoAnswer
from kserve_conformance.asking.offer import Offer
from kserve_conformance.asking.server import Server
from kserve_conformance.asking.target import Target
from kserve_conformance.catalogue import Statement
from kserve_conformance.expect import Departure
from kserve_conformance.outcome import Outcome
from kserve_conformance.results.exhibit import Exhibit
from kserve_conformance.results.judgement import Judgement, judge
from kserve_conformance.results.verdict import SubjectFailed, Verdict


class Session:
    """One server under judgement. Use as a context manager, or call `close`.

    Making it raises `SubjectFailed` where nothing answers, or nothing there can be judged.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self._http = HttpClient(target.url, target.timeout, target.access)
        try:
            self.offer = self._look()
        except BaseException:
            self.close()
            raise

    def judge(self, statement: Statement) -> Outcome:
        """Make the check of a statement."""
        began = time.monotonic()
        reason = self.offer.why_unsupported(statement.profile, statement.feature)
        if reason is not None:
            return Outcome(statement, Judgement(Verdict.UNSUPPORTED, reason), Exhibit(), 0.0)
        error: BaseException | None = None
        with closing(Server(self.target, statement.id, self._http, self.offer)) as server:
            try:
                checks.all_checks()[statement.id](server)
            except Exception as raised:
                error = raised
        if isinstance(error, Departure):
            server.exhibit.expected = expect.plain(error.expected)
            server.exhibit.observed = expect.plain(error.observed)
        seconds = time.monotonic() - began
        return Outcome(statement, judge(error), server.exhibit, seconds, server.seen, error)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _look(self) -> Offer:
        asked = self.target.url
        try:
            with closing(Server(self.target, "detection", self._http, Offer())) as server:
                server.get("/")
                if self.target.grpc is not None and "grpc" in self.target.profiles:
                    asked = f"--grpc-target {self.target.grpc}"
                    server.connect_by_grpc()
                found = offer.look(server, self.target)
                ingress.refuse_strangers(server)
        except NoAnswer as error:
            hint = ingress.hint(error)
            raise SubjectFailed(f"nothing answers at {asked}: {error}{hint}") from None
        absent = [profile for profile in self.target.profiles if profile in found.absent]
        if len(absent) == len(self.target.profiles):
            # Most often a name that was mistyped: that all is well would be a wrong answer.
            reasons = "; ".join(f"{profile}: {found.absent[profile]}" for profile in absent)
            raise SubjectFailed(
                f"{self.target.url} offers nothing to judge for the model "
                f"{self.target.model!r} (is that its name?): {reasons}"
            )
        return found

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
