"""What a control plane writes into a predictor pod: how an InferenceService arrives at a cell."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kserve_conformance.errors import DataFileError
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

# The protocolVersion of an InferenceService that gives none.
ABSENT = "absent"
# Those that KServe knows (pkg/constants/constants.go, from 0.9 to 0.20), and none.
DECLARED = (ABSENT, "v1", "v2", "grpc-v1", "grpc-v2")

# The envelope that reads what a protocolVersion stands for. Nothing speaks grpc-v1, which KServe's
# own runtime admitted up to 0.11.
SPOKEN_BY = {ABSENT: "kserve", "v1": "kserve", "v2": "kservev2", "grpc-v2": "kservev2"}

# TorchServe without a service envelope, which an empty TS_SERVICE_ENVELOPE stands for.
NO_ENVELOPE = "none"


class RuntimeKind(enum.StrEnum):
    """The ServingRuntime of an InferenceService, by what KServe can know it by.

    One of another name is one that the InferenceService names: KServe 0.8 takes a service that
    names none, of the model format pytorch, for one of its own runtime.
    """

    STOCK = "stock"
    NAMESAKE = "namesake"
    ANNOTATED = "annotated"
    OTHER = "other"

    @property
    def in_words(self) -> str:
        """Describe it as the end of a sentence."""
        return _KINDS[self]


_KINDS = {
    RuntimeKind.STOCK: "KServe's own runtime",
    RuntimeKind.NAMESAKE: "a runtime of your own that is called kserve-torchserve",
    RuntimeKind.ANNOTATED: "a runtime of another name with the annotation "
    "serving.kserve.io/server-type: torchserve",
    RuntimeKind.OTHER: "a runtime of another name without the annotation "
    "serving.kserve.io/server-type: torchserve",
}
_KNOWN_BY = {
    RuntimeKind.STOCK: "name",
    RuntimeKind.NAMESAKE: "name",
    RuntimeKind.ANNOTATED: "annotation",
}


@dataclass(frozen=True)
class Pod:
    """What decides in a pod which cell it is.

    Attributes:
        protocol_version: what its processes have as PROTOCOL_VERSION, None where it isn't set.
        envelope: TorchServe's, `NO_ENVELOPE` where it has none.
    """

    protocol_version: str | None
    envelope: str

    @property
    def service_envelope(self) -> str:
        """Give TS_SERVICE_ENVELOPE, which is there and empty where there is no envelope."""
        return "" if self.envelope == NO_ENVELOPE else self.envelope


@dataclass(frozen=True)
class ControlPlane:
    """What the controllers of some KServe releases write; axes.toml tells the members.

    Attributes:
        name: of one that no release has yet, None for all others.
        image: of the stock runtime, None where there is no stock runtime.
        envelope: TS_SERVICE_ENVELOPE by protocolVersion, of runtimes that it knows.
    """

    releases: SpecifierSet
    name: str | None
    image: str | None
    admits: frozenset[str]
    known_by: frozenset[str]
    envelope: Mapping[str, str]
    sets_protocol_version: bool
    source: str

    @property
    def called(self) -> str:
        """Name it in words: its releases as a specifier, or its name."""
        return self.name or f"KServe {self.releases}"

    def is_of(self, word: str) -> bool:
        """Tell whether a release, or its own name, means this one."""
        if self.name is not None:
            return word == self.name
        try:
            return self.releases.contains(Version(word), prereleases=True)
        except InvalidVersion:
            return False

    def knows(self, runtime: RuntimeKind) -> bool:
        """Tell whether it knows that a runtime runs TorchServe."""
        return _KNOWN_BY.get(runtime) in self.known_by

    def pod(self, declared: str, runtime: RuntimeKind, own: str | None = None) -> Pod | None:
        """Give what it makes of an InferenceService, None where it refuses it.

        Args:
            declared: the InferenceService's protocolVersion, one of `DECLARED`.
            runtime: all but KServe's own are taken to admit every protocolVersion.
            own: a PROTOCOL_VERSION in the env of the InferenceService or of its runtime. Where the
                control plane sets one, too, the name is there twice and the last one wins, which is
                the control plane's: it is appended to the InferenceService's, and those are merged
                over the runtime's by name (MergeRuntimeContainers, a strategic merge patch).
        """
        if runtime is RuntimeKind.STOCK and (self.image is None or declared not in self.admits):
            return None
        if not self.knows(runtime):
            return Pod(own, NO_ENVELOPE)
        value = ("v1" if declared == ABSENT else declared) if self.sets_protocol_version else own
        return Pod(value, self.envelope[declared])


def called(word: str) -> str:
    """Name the control plane of a release or of a name, as a person says it."""
    return f"KServe {word}" if word[:1].isdigit() else word


@dataclass(frozen=True)
class Way:
    """An InferenceService whose pod is at a cell; see `ControlPlane.pod`."""

    plane: ControlPlane
    declared: str
    runtime: RuntimeKind
    own: str | None = None


def ways(planes: Iterable[ControlPlane], pod: Pod) -> Iterator[Way]:
    """Give every way to a pod, with a PROTOCOL_VERSION of one's own only where it takes one."""
    for plane in planes:
        for runtime in RuntimeKind:
            for declared in DECLARED:
                for own in dict.fromkeys((None, pod.protocol_version)):
                    if plane.pod(declared, runtime, own) == pod:
                        yield Way(plane, declared, runtime, own)
                        break


def parsed(entry: Mapping[str, Any], place: str) -> ControlPlane:
    """Read an entry of axes.toml.

    Raises:
        DataFileError: for releases that are no specifier, and for an entry that contradicts itself.
    """
    try:
        releases = SpecifierSet(entry.get("releases", ""))
    except InvalidSpecifier as error:
        raise DataFileError(str(error), f"{place}.releases") from None
    if bool(entry["known_by"]) != ("envelope" in entry):
        raise DataFileError(
            "envelope is what is written into the pods of runtimes that known_by names: give "
            "both, or leave envelope out and known_by empty",
            place,
        )
    if "admits" in entry and "image" not in entry:
        raise DataFileError("what has no image has no runtime that admits anything", place)
    return ControlPlane(
        releases=releases,
        name=entry.get("name"),
        image=entry.get("image"),
        admits=frozenset((ABSENT, *entry.get("admits", DECLARED))),
        known_by=frozenset(entry["known_by"]),
        envelope=dict(entry.get("envelope", {})),
        sets_protocol_version=entry["sets_protocol_version"],
        source=entry["source"],
    )
