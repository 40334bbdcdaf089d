"""signatures.json: what the authors of models declare of their tensors.

A file beside config.properties, since TorchServe neither reads nor tells tensors, and an archive
may be nowhere that the wrapper can read. By a model's name it has an object with ``inputs``,
``outputs``, ``enforced`` and, for versions that differ, ``versions``; see docs/settings.md.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from wrapper.json_body import kind, shown
from wrapper.names import Target
from wrapper.openinference import datatypes, shapes
from wrapper.openinference.signature import ANY, UNDECLARED, DeclaredTensor, Signature
from wrapper.settings import Settings, SettingsError

_TENSORS = ("inputs", "outputs")
_OF_SIGNATURE = (*_TENSORS, "enforced")
_OF_MODEL = (*_OF_SIGNATURE, "versions")
_OF_TENSOR = ("name", "datatype", "shape")


@dataclasses.dataclass(frozen=True)
class Signatures:
    """What is declared of each target; one without a version is any that has none of its own."""

    by_target: Mapping[Target, Signature] = dataclasses.field(default_factory=dict)

    def of(self, target: Target) -> Signature:
        """Give what is declared of a model's version; nothing is, where there is no entry."""
        own = self.by_target.get(target)
        return own or self.by_target.get(Target(target.model), UNDECLARED)

    @classmethod
    def read(cls, settings: Settings) -> Signatures:
        """Read the file that the settings name, if there is one, and check all of it.

        Raises:
            SettingsError: when it can't be used.
        """
        path = settings.signatures
        if path is None:
            return cls()
        try:
            return cls(_Reader(settings.models).read(path.read_bytes()))
        except OSError as error:
            raise SettingsError(
                f"{path} can't be read ({error.strerror}): have MODEL_SIGNATURES name the file "
                "that declares the models' tensors, or leave it out"
            ) from None
        except _Wrong as wrong:
            raise SettingsError(f"{path} can't be used: {wrong}") from None


class _Wrong(Exception):
    """What is wrong with a file, and what to do about it."""


class _Reader:
    """Reads a file for models of these names; for any without names, which TorchServe has then."""

    def __init__(self, models: Sequence[str]) -> None:
        self._models = models

    def read(self, text: bytes) -> dict[Target, Signature]:
        try:
            document = json.loads(text, object_pairs_hook=_without_repeats)
        except (ValueError, RecursionError) as error:
            raise _Wrong(f"it is no JSON ({error})") from None
        read = {}
        for model, declared in _object(document, "the file").items():
            if self._models and model not in self._models:
                raise _Wrong(
                    f"no model {shown(model)} is served, but {', '.join(self._models)}: name one "
                    "of them, or leave it out"
                )
            place = f"model {shown(model)}"
            read[Target(model)] = _signature(declared, _OF_MODEL, place)
            versions = _object(declared.get("versions", {}), f'"versions" of {place}')
            for version, other in versions.items():
                where = f"version {shown(version)} of {place}"
                read[Target(model, version)] = _signature(other, _OF_SIGNATURE, where)
        return read


def _without_repeats(members: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(members)
    if len(read) < len(members):
        names = [name for name, _ in members]
        repeated = next(name for name in names if names.count(name) > 1)
        raise _Wrong(f"{shown(repeated)} is there twice in one object: leave one out")
    return read


def _signature(declared: Any, members: Sequence[str], place: str) -> Signature:
    _check_members(_object(declared, place), members, place)
    enforced = declared.get("enforced", False)
    if not isinstance(enforced, bool):
        raise _Wrong(f'"enforced" of {place} is {kind(enforced)}: write true or false')
    inputs, outputs = (_tensors(declared.get(each, []), each, place) for each in _TENSORS)
    if enforced and not inputs:
        raise _Wrong(f'{place} has "enforced" and no inputs: declare what it takes')
    return Signature(inputs, outputs, enforced)


def _tensors(listed: Any, member: str, place: str) -> tuple[DeclaredTensor, ...]:
    if not isinstance(listed, list):
        raise _Wrong(f"{member} of {place} is {kind(listed)}: write a list of tensors")
    tensors = tuple(
        _tensor(each, f"{member}[{index}] of {place}") for index, each in enumerate(listed)
    )
    names = [tensor.name for tensor in tensors]
    for name in names:
        if names.count(name) > 1:
            raise _Wrong(f"{place} has two {member} {shown(name)}: give each a name of its own")
    return tensors


def _tensor(declared: Any, place: str) -> DeclaredTensor:
    _check_members(_object(declared, place), _OF_TENSOR, place)
    for member in _OF_TENSOR:
        if member not in declared:
            raise _Wrong(f'{place} has no "{member}": write {", ".join(_OF_TENSOR)}')
    name, datatype, shape = (declared[member] for member in _OF_TENSOR)
    if not isinstance(name, str) or not name:
        raise _Wrong(f"the name {shown(name)} of {place} is none: write a text")
    if datatype not in datatypes.NAMES:
        known = ", ".join(datatypes.NAMES)
        raise _Wrong(f"the datatype {shown(datatype)} of {place} is unknown: write one of {known}")
    if not isinstance(shape, list) or not all(
        type(size) is int and ANY <= size <= shapes.LARGEST_COUNT for size in shape
    ):
        raise _Wrong(
            f"the shape {shown(shape)} of {place} is none: write a list of numbers, -1 for a "
            "dimension that may have any size"
        )
    if len(shape) > shapes.MOST_DIMENSIONS:
        raise _Wrong(f"the shape of {place} has more than {shapes.MOST_DIMENSIONS} dimensions")
    return DeclaredTensor(name, datatype, tuple(shape))


def _check_members(declared: Mapping[str, Any], members: Sequence[str], place: str) -> None:
    for member in declared:
        if member not in members:
            raise _Wrong(f"{place} has {shown(member)}, but may have {', '.join(members)} only")


def _object(declared: Any, place: str) -> dict[str, Any]:
    if not isinstance(declared, dict):
        raise _Wrong(f"{place} is {kind(declared)}: write an object")
    return declared
