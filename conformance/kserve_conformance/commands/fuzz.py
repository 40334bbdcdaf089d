"""``kserve-conformance fuzz``: tries a server with requests that nobody wrote.

Valid ones have to come back as they were sent, invalid ones have to be refused, and whatever was
sent, the server has to go on answering.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from kserve_conformance.asking.grpc_client import CallFailed
from kserve_conformance.asking.http_client import HttpClient, NoAnswer
from kserve_conformance.asking.server import Server
from kserve_conformance.asking.target import TargetError
from kserve_conformance.catalogue import Level
from kserve_conformance.commands import options
from kserve_conformance.errors import ExitCode
from kserve_conformance.expect import Departure, shortened
from kserve_conformance.fuzzing import Blamed, RequestClass, all_classes, falsify
from kserve_conformance.fuzzing.falsify import Counterexample, Found
from kserve_conformance.results.exhibit import Exhibit
from kserve_conformance.results.verdict import SubjectFailed, Unsupported
from kserve_conformance.session import Session
from kserve_conformance.text.redaction import without_secrets
from kserve_conformance.text.visible import printable

EXAMPLES = 50
_NOTHING = Found(0, None)
# A finding of these makes the exit code 1; an extension is tried where it is offered.
_BINDING = (Level.MUST, Level.EXTENSION)
_NO_CONTRACT = (
    "the model doesn't give back what it is sent: what data become is seen with the contract "
    "model only (docs/conformance.md)"
)


@dataclass(frozen=True)
class Tried:
    """What a class of requests came to.

    Attributes:
        unsupported: why it wasn't tried, None where it was.
        error: the suite's own, None where there was none.
        afterwards: how the server failed to answer a good request after them, None where it did.
        is_blamed: whether the server did what the level of the class binds it to, and the finding
            is that it blamed itself, which it should not.
    """

    of: RequestClass
    found: Found = _NOTHING
    unsupported: str | None = None
    error: str | None = None
    afterwards: Counterexample | None = None
    is_blamed: bool = False

    @property
    def level(self) -> Level | None:
        """Tell how binding the finding is."""
        return Level.SHOULD if self.is_blamed else self.of.level

    @property
    def is_binding(self) -> bool:
        """Tell whether the server departs from what binds it."""
        found_one = self.found.finding is not None and self.level in _BINDING
        return found_one or self.afterwards is not None

    def __str__(self) -> str:
        """Tell each finding: what was wrong, and below it the line that shows it again."""
        name = f"{self.of.name} ({self.level or 'left open by the texts'})"
        told = ""
        if self.found.finding is not None:
            told += f"{name}: {self.of.sentence} {_shown(self.found.finding)}\n\n"
        if self.afterwards is not None:
            told += f"after {self.of.name}, a good request (MUST): {_shown(self.afterwards)}\n\n"
        if self.error is not None:
            told += f"{name}: the suite itself failed: {self.error}\n\n"
        return told


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand ``fuzz``."""
    parser = subparsers.add_parser(
        "fuzz",
        help="Try a server with requests that nobody wrote.",
        epilog="Exit codes: 0 nothing found that binds the server, 1 a finding about a MUST or an "
        "extension that it offers, 2 wrong usage, 3 the suite failed, or nothing could be asked.",
    )
    options.add_target(parser.add_argument)
    parser.add_argument(
        "--class",
        dest="classes",
        action="append",
        metavar="NAME",
        help="Send this class of requests only, or those whose names begin so; may be given more "
        "than once. A class that the texts leave open is sent when it is named in full.",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="Other examples for each (default: 0)."
    )
    parser.add_argument(
        "--examples",
        type=_positive,
        default=EXAMPLES,
        metavar="N",
        help=f"Send at most so many requests of a class (default: {EXAMPLES}). A finding adds at "
        f"most {falsify.SHRINKING_REQUESTS} requests and {falsify.SHRINKING_SECONDS:.0f} seconds "
        "in which it is made small.",
    )
    parser.set_defaults(command=_main)


def selected(wanted: Sequence[str]) -> list[RequestClass]:
    """List the classes whose names begin so; `TargetError` lists all where one matches nothing."""
    known = all_classes()
    for word in wanted:
        if not any(name.startswith(word) for name in known):
            raise TargetError(f"--class {word}: expected one of {', '.join(known)}")
    return [
        each
        for name, each in known.items()
        if name in wanted
        or (each.level is not None and (not wanted or any(map(name.startswith, wanted))))
    ]


def fuzz(
    session: Session, classes: Sequence[RequestClass], seed: int, examples: int
) -> Iterator[Tried]:
    """Try a server with each class of requests, until it stops answering."""
    target = session.target
    http = HttpClient(target.url, target.timeout, target.access)
    with closing(http):
        for each in classes:
            with closing(Server(target, f"fuzz/{each.name}", http, session.offer)) as server:
                tried = _try(server, each, f"{seed} {each.name}", examples)
            yield tried
            if tried.afterwards is not None and tried.afterwards.ends:
                return


def _main(arguments: argparse.Namespace) -> int:
    target = options.target_of(arguments)
    wanted = selected(arguments.classes or ())
    classes = [each for each in wanted if each.profile in target.profiles]
    results = []
    with Session(target) as session:
        for tried in fuzz(session, classes, arguments.seed, arguments.examples):
            sys.stdout.write(_shown_text(str(tried)))
            sys.stdout.flush()
            results.append(tried)
    for reason in dict.fromkeys(each.unsupported for each in results if each.unsupported):
        names = ", ".join(each.of.name for each in results if each.unsupported == reason)
        sys.stdout.write(_shown_text(f"not sent: {names}: {reason}\n"))
    requests = sum(each.found.asked for each in results)
    failed = any(each.error for each in results)
    if not requests and not failed:
        raise SubjectFailed("no request of these classes could be sent: see above")
    findings = sum(each.found.finding is not None for each in results)
    findings += sum(each.afterwards is not None for each in results)
    sent = sum(each.unsupported is None for each in results)
    sys.stdout.write(
        f"{sent} classes, {requests} requests, seed {arguments.seed}: {findings} findings\n"
    )
    if any(each.is_binding for each in results):
        return ExitCode.AGAINST_SUBJECT
    return ExitCode.NOT_KNOWN if failed else ExitCode.AS_EXPECTED


def _try(server: Server, each: RequestClass, seed: str, examples: int) -> Tried:
    known = server.known
    why = known.why_unsupported(each.profile, each.feature)
    is_contract = known.is_contract_v1 if each.profile == "v1" else known.is_contract_v2
    if why is not None or (each.is_valid and not is_contract):
        return Tried(each, unsupported=why or _NO_CONTRACT)
    good = _good_request(server, each.profile)
    try:
        kinds = each.kinds(server)
    except Unsupported as error:
        return Tried(each, unsupported=str(error))
    blamed: list[Counterexample] = []

    def judge(request: object, blamed: list[Counterexample] | None = None) -> Counterexample | None:
        return _finding(server, lambda: each.judge(server, request), blamed)

    try:
        found = falsify.search(kinds, lambda request: judge(request, blamed), seed, examples)
        is_blamed = found.finding is None and bool(blamed)
        if is_blamed:
            # The same examples again, so that what only should not be can't hide what must not.
            again = falsify.search(kinds, judge, seed, examples)
            found = Found(found.asked + again.asked, again.finding)
    except Exception as error:
        return Tried(each, error=repr(error))
    if not found.asked:
        return Tried(each, unsupported="the model's own request can't be made one of these")
    return Tried(each, found, afterwards=_finding(server, good), is_blamed=is_blamed)


def _good_request(server: Server, profile: str) -> Callable[[], object]:
    """Give what asks for an answer that the server gives now."""
    good: dict[str, Callable[[], object]] = {
        "v1": lambda: server.predict(server.v1_sample()).success(),
        "v2": lambda: server.infer(server.v2_sample()).success(),
        "grpc": lambda: server.infer_grpc(server.grpc_sample()),
    }
    try:
        good[profile]()
    except (Departure, Unsupported):
        return lambda: server.get("/")
    return good[profile]


def _finding(
    server: Server, ask: Callable[[], object], blamed: list[Counterexample] | None = None
) -> Counterexample | None:
    """Give what is wrong with an answer, if anything is; a list of blamed ones takes a `Blamed`."""
    server.exhibit = Exhibit()
    try:
        ask()
    except Departure as error:
        exchanges = server.exhibit.exchanges
        line = exchanges[-1]["request"] if exchanges else "(nothing was sent)"
        ends = isinstance(error, (NoAnswer, CallFailed)) and _is_gone(server)
        finding = Counterexample(str(error), line, ends)
        if blamed is None or not isinstance(error, Blamed):
            return finding
        blamed.append(finding)
    return None


def _is_gone(server: Server) -> bool:
    try:
        server.get("/")
    except NoAnswer:
        return True
    return False


def _shown_text(text: str) -> str:
    # A log of CI is published.
    return printable(without_secrets(text))


def _shown(finding: Counterexample) -> str:
    sentence = shortened(" ".join(finding.sentence.split()), 500)
    gone = " Nothing is answered any more." if finding.ends else ""
    return f"{sentence}{gone}\n{finding.line}"


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, got {text!r}")
    return int(text)
