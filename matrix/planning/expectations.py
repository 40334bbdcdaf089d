"""What each cell must show: expectations.toml, read and checked."""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kserve_conformance import catalogue, datafile
from kserve_conformance.errors import DataFileError, located
from kserve_conformance.results.verdict import Verdict

from matrix.planning.conditions import AnyOf

FILE = Path(__file__).parents[1] / "expectations.toml"
_SCHEMA = FILE.with_suffix(".schema.json")

SERVES = "serves"
REFUSES = "refuses"


@dataclass(frozen=True)
class Service:
    """What an accepted PROTOCOL_VERSION comes to with one of TorchServe's envelopes.

    Attributes:
        effective: the protocol in effect, ``v1``, ``v2`` or ``grpc-v2``.
        transport: how requests reach TorchServe, ``rest`` or ``grpc``.
        profile: whose SDK releases have this cell, None where all have it.
    """

    effective: str
    transport: str
    profile: str | None = None


@dataclass(frozen=True)
class Tls:
    """What becomes of a start that asks for TLS on the port for REST.

    Attributes:
        served: where the SDK serves it; elsewhere the start is refused.
        refusal: the line that says so; ``$kserve`` stands for the SDK's release.
    """

    served: AnyOf
    refusal: str


@dataclass(frozen=True)
class Check:
    """One check: its id, the statement that it proves, and where it is made."""

    id: str
    statement: str
    when: AnyOf


@dataclass(frozen=True)
class ExpectedVerdict:
    """A verdict other than passed that is expected of some checks in some cells."""

    checks: tuple[str, ...]
    when: AnyOf
    verdict: Verdict
    reason: str


@dataclass(frozen=True)
class LeftOut:
    """Checks that a profile doesn't make in some cells."""

    profile: str
    checks: tuple[str, ...]
    when: AnyOf
    reason: str


@dataclass(frozen=True)
class Expectations:
    """The whole file. ``services`` and ``refusals`` are by the PROTOCOL_VERSION's name.

    Attributes:
        services: each by envelope, too.
        checks: the matrix's own, by id.
        statements: those of the conformance suite, by id, each as a check.
        tls: what becomes of a start that asks for it.
    """

    services: Mapping[str, Mapping[str, Service]]
    refusals: Mapping[str, str]
    tls: Tls
    checks: Mapping[str, Check]
    statements: Mapping[str, Check]
    exceptions: tuple[ExpectedVerdict, ...]
    left_out: tuple[LeftOut, ...]

    @functools.cached_property
    def every(self) -> Mapping[str, Check]:
        """Give all checks by id in the file's order, the statements of the suite last."""
        return {**self.checks, **self.statements}

    @functools.cached_property
    def _by_condition(self) -> Sequence[tuple[AnyOf, Sequence[str]]]:
        """Give each condition once, with the ids of its checks: hundreds share a few."""
        found: list[tuple[AnyOf, list[str]]] = []
        for check in self.every.values():
            names = next((names for when, names in found if when == check.when), None)
            if names is None:
                found.append((check.when, names := []))
            names.append(check.id)
        return found

    def statement_of(self, name: str) -> str:
        """Give what a check proves, nothing where it isn't known (any more)."""
        return self.every[name].statement if name in self.every else ""

    def order(self, first: Iterable[str] = ()) -> dict[str, int]:
        """Give the place of each check, those of the suite last; what is basic goes first.

        Args:
            first: checks that go before all others.
        """
        names = dict.fromkeys((*first, *self.every))
        return {name: at for at, name in enumerate(names)}

    def envelopes(self, protocol: str) -> tuple[str, ...]:
        """Give the envelopes that a value is run with: one where it refuses to start."""
        return tuple(self.services[protocol]) if protocol in self.services else ("kserve",)

    def service(self, protocol: str, envelope: str) -> Service | None:
        """Give what a value comes to with an envelope, None where it refuses to start."""
        return self.services[protocol][envelope] if protocol in self.services else None

    def outcome(self, protocol: str) -> str:
        """Tell whether a PROTOCOL_VERSION lets the wrapper serve or makes it refuse."""
        return SERVES if protocol in self.services else REFUSES

    def point(self, axes: Mapping[str, str], constructor_known: bool) -> dict[str, str]:
        """Give the point of a cell, with what its conditions name beside the axes.

        Args:
            constructor_known: whether the wrapper's model class was named.
        """
        return {
            **axes,
            "outcome": self.outcome(axes["protocol"]),
            "constructor": "known" if constructor_known else "unknown",
        }

    def checks_at(self, point: Mapping[str, str], profile: str | None = None) -> tuple[str, ...]:
        """List the ids of the checks to make at a point of the axes; see `every`.

        Args:
            profile: the one whose checks they are, None for all that there are.
        """
        there: set[str] = set()
        for when, names in self._by_condition:
            if when.holds(point):
                there.update(names)
        for entry in self.left_out:
            if entry.profile == profile and entry.when.holds(point):
                there.difference_update(entry.checks)
        return tuple(name for name in self.every if name in there)

    def is_whole(self, profile: str) -> bool:
        """Tell whether a profile leaves nothing out of its cells."""
        return all(entry.profile != profile for entry in self.left_out)

    def exception_at(self, check: str, point: Mapping[str, str]) -> ExpectedVerdict | None:
        """Give the entry that expects something else than passed, where there is one."""
        about = (each for each in self.exceptions if check in each.checks)
        return next((each for each in about if each.when.holds(point)), None)


def load(path: Path = FILE) -> Expectations:
    """Read the file.

    Raises:
        DataFileError: when it can't be read, breaks its schema or contradicts itself.
    """
    return _loaded(path, datafile.state(path))


@functools.lru_cache(maxsize=4)
def _loaded(path: Path, _state: object) -> Expectations:
    document = datafile.read(path, _SCHEMA)
    with located(path):
        return _expectations(document)


def _expectations(document: Mapping[str, Any]) -> Expectations:
    checks = [
        Check(
            entry["id"],
            entry["statement"],
            AnyOf.parse(entry["when"], f"checks[{index}].when"),
        )
        for index, entry in enumerate(document["checks"])
    ]
    by_id = {check.id: check for check in checks}
    if len(by_id) != len(checks):
        raise DataFileError("an id is there twice", "checks")
    statements = _statements(document.get("conformance", ()))
    services = _services(document["serves"])
    refusals = {entry["protocol"]: entry["line"] for entry in document["refuses"]}
    known = [*by_id, *statements]
    exceptions = [
        _unsupported(f"unsupported[{index}]", entry, known)
        for index, entry in enumerate(document.get("unsupported", ()))
    ]
    left_out = [
        _left_out(f"left_out[{index}]", entry, known)
        for index, entry in enumerate(document.get("left_out", ()))
    ]
    expectations = Expectations(
        services,
        refusals,
        Tls(AnyOf.parse(document["tls"]["served"], "tls.served"), document["tls"]["refusal"]),
        by_id,
        statements,
        tuple(exceptions),
        tuple(left_out),
    )
    both = services.keys() & refusals.keys()
    if both:
        raise DataFileError(f"{', '.join(sorted(both))} is both in serves and in refuses")
    return expectations


def _services(entries: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Service]]:
    services: dict[str, dict[str, Service]] = {}
    for index, entry in enumerate(entries):
        service = Service(entry["effective"], entry["transport"], entry.get("profile"))
        for name in entry["protocol"]:
            met = services.setdefault(name, {})
            for envelope in entry["envelopes"]:
                if met.setdefault(envelope, service) is not service:
                    wrong = f"{name} with envelope {envelope} is there twice"
                    raise DataFileError(wrong, f"serves[{index}]")
    return services


def _statements(entries: Iterable[Mapping[str, Any]]) -> dict[str, Check]:
    conditions: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries:
        conditions.setdefault(entry["profile"], []).append(entry["when"])
    when = {profile: AnyOf.parse(tables, "conformance") for profile, tables in conditions.items()}
    return {
        each.id: Check(each.id, each.sentence, when[each.profile])
        for each in catalogue.load().values()
        if each.profile in when
    }


def _left_out(place: str, entry: Mapping[str, Any], known: Sequence[str]) -> LeftOut:
    checks = checks_meant(entry["check"], known, "in [[checks]]", f"{place}.check")
    when = AnyOf.parse(entry["when"], f"{place}.when")
    return LeftOut(entry["profile"], checks, when, entry["reason"])


def _unsupported(place: str, entry: Mapping[str, Any], known: Sequence[str]) -> ExpectedVerdict:
    checks = checks_meant(entry["check"], known, "in [[checks]]", f"{place}.check")
    when = AnyOf.parse(entry["when"], f"{place}.when")
    return ExpectedVerdict(checks, when, Verdict.UNSUPPORTED, entry["reason"])


def checks_meant(
    patterns: Iterable[str], known: Sequence[str], where: str, place: str
) -> tuple[str, ...]:
    """List the checks that ids and patterns of a data file stand for, each once.

    Args:
        where: in words, where checks are named.
        place: of the patterns in their file.

    Raises:
        DataFileError: when one stands for no check.
    """
    checks: dict[str, None] = {}
    for pattern in patterns:
        found = fnmatch.filter(known, pattern)
        if not found:
            wrong = f"{pattern} is no check {where} and no statement of the suite"
            raise DataFileError(wrong + datafile.near(pattern, known), place)
        checks.update(dict.fromkeys(found))
    return tuple(checks)
