"""What a wrapper of the usual design answers beside the fixed one, and what that establishes."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import requests
from kserve_conformance.errors import ExitCode
from kserve_conformance.results.verdict import SubjectFailed, Unprovisioned
from kserve_conformance.text import messages

from fixtures import leftovers, models, payloads, torchserve
from fixtures.torchserve import Instance, TorchServeError
from matrix.environments.provision import provision
from matrix.planning.options import Preference
from matrix.planning.subject import Subject
from matrix.running import launch, reference
from matrix.running.clients import TIMEOUT, encode
from matrix.running.launch import Situation
from matrix.running.worker import MODELS

UNFIXED = Subject("unfixed", "{python} {repository}/fixtures/wrappers/unfixed.py", None)
FIXED = Subject()

# What the bug is known by.
WORDS = "None is not a valid PredictorProtocol"
_MODEL = "contract"
_PATH = f"/v1/models/{_MODEL}:predict"
_PAYLOAD = "contract-v1"


@dataclass(frozen=True)
class Reply:
    """What a wrapper answered to a V1 prediction: its status and body, or how it failed."""

    status: int | None
    text: str

    def __str__(self) -> str:
        return self.text if self.status is None else f"{self.status} {self.text}"


@dataclass(frozen=True)
class Line:
    """What was seen on one SDK release.

    Attributes:
        missing: why there is nothing to see, None where there is.
        unfixed_v1: the answer with PROTOCOL_VERSION=v1, which unset should be the same as.
    """

    release: str
    unfixed: Reply | None = None
    unfixed_v1: Reply | None = None
    fixed: Reply | None = None
    missing: str | None = None

    @property
    def says_words(self) -> bool:
        """Tell whether the unfixed wrapper said the words that the bug is known by."""
        return self.unfixed is not None and WORDS in self.unfixed.text

    @property
    def has_bug(self) -> bool:
        """Tell whether the unset variable broke what v1 would have served."""
        return self.unfixed_v1 == RIGHT and self.unfixed != RIGHT

    @property
    def is_fixed(self) -> bool:
        """Tell whether the fixed wrapper gave TorchServe's own answer."""
        return self.fixed == RIGHT


RIGHT = Reply(200, "right")


@dataclass(frozen=True)
class Surroundings:
    """What all wrappers have around them: a TorchServe, a folder, marks for a sweep."""

    instance: Instance
    folder: Path
    marks: Mapping[str, str]


@contextlib.contextmanager
def started(runtime: Preference, release: str) -> Iterator[Surroundings]:
    """Start the TorchServe that all wrappers forward to, and end it.

    Raises:
        Unprovisioned: when it can't be had here.
    """
    archives = [models.archive(name) for name in MODELS]
    try:
        running = torchserve.start(
            torchserve.available_runtime(runtime),
            release=release,
            envelope="kserve",
            models=archives,
        )
    except TorchServeError as error:
        raise Unprovisioned(messages.with_cause(str(error))) from None
    with contextlib.ExitStack() as stack:
        stack.callback(running.stop)
        record = leftovers.Record.of_new_folder("reproduce-")
        stack.callback(record.close)
        yield Surroundings(running.instance, record.folder, record.environment)


def look(release: str, around: Surroundings) -> Line:
    """Run both wrappers on one SDK release."""
    try:
        python = provision(release).python
        own = reference.by_rest(around.instance, _PATH, payloads.load(_PAYLOAD))
    except Unprovisioned as error:
        return Line(release, missing=str(error))
    return Line(
        release,
        ask(UNFIXED, python, around, own),
        ask(UNFIXED, python, around, own, protocol_version="v1"),
        ask(FIXED, python, around, own),
    )


def ask(
    subject: Subject,
    python: Path,
    around: Surroundings,
    own: object,
    protocol_version: str | None = None,
) -> Reply:
    """Start a wrapper, with PROTOCOL_VERSION unset or set, and send it a V1 prediction.

    Args:
        own: TorchServe's own answer to the same request.
    """
    situation = Situation(
        protocol_version=protocol_version,
        envelope="kserve",
        torchserve=around.instance.endpoints,
        models=MODELS,
        folder=Path(tempfile.mkdtemp(dir=around.folder)),
        marks=around.marks,
        archives=models.archives({name: name for name in MODELS}),
    )
    try:
        wrapper = launch.start(subject, python, situation, wait_for=(_MODEL,))
    except SubjectFailed as error:
        return Reply(None, f"does not start: {messages.telling_line(str(error))}")
    try:
        return _predict(wrapper.url, own)
    finally:
        wrapper.stop()


def _predict(url: str, own: object) -> Reply:
    headers = {"content-type": "application/json"}
    body = encode(payloads.load(_PAYLOAD))
    try:
        with requests.Session() as session:
            session.trust_env = False
            got = session.post(url + _PATH, data=body, headers=headers, timeout=TIMEOUT)
    except requests.RequestException as error:
        return Reply(None, f"does not answer: {error}")
    try:
        right = got.status_code == 200 and got.json() == own
    except ValueError:
        right = False
    return RIGHT if right else Reply(got.status_code, got.text)


def conclusions(lines: Sequence[Line]) -> list[str]:
    """Say where the bug begins and ends, and where the fix holds, as the lines show it."""
    ran = [line for line in lines if line.missing is None]
    fixed = sum(line.is_fixed for line in ran)
    told = [
        _extent(f"'{WORDS}'", ran, [line.says_words for line in ran]),
        _extent("unset breaks what v1 serves", ran, [line.has_bug for line in ran]),
        f"the fixed wrapper gives TorchServe's own answer on {fixed} of {len(ran)} releases",
    ]
    if len(ran) < len(lines):
        told.append(f"{len(lines) - len(ran)} of {len(lines)} releases could not be provisioned")
    return told


def _extent(what: str, lines: Sequence[Line], seen: Sequence[bool]) -> str:
    if not any(seen):
        return f"{what}: on none of {len(lines)} releases"
    first = seen.index(True)
    last = len(seen) - 1 - seen[::-1].index(True)
    gaps = [lines[at].release for at in range(first, last) if not seen[at]]
    but = f", but not in {', '.join(gaps)}" if gaps else ""
    return (
        f"{what}: first in {lines[first].release}, last in {lines[last].release}, "
        f"on {sum(seen)} of {len(lines)} releases{but}"
    )


def exit_code(lines: Sequence[Line]) -> ExitCode:
    """Judge: 0 where the fixed wrapper is right on all, 1 where not, 3 where one is missing."""
    if any(line.missing is None and not line.is_fixed for line in lines):
        return ExitCode.AGAINST_SUBJECT
    missing = any(line.missing is not None for line in lines)
    return ExitCode.NOT_KNOWN if missing else ExitCode.AS_EXPECTED
