"""A wrapper's own requirements: what it needs beside the KServe SDK, as a person gives them.

The release of the SDK is the cell's, whatever a requirement says of it: of one on the SDK only the
extras count. So a requirements file that was written for one release serves for all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from kserve_conformance.errors import WrongUsage
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

SDK = "kserve"
# As pip has it: a # within a word is no comment.
_COMMENT = re.compile(r"(^|\s+)#.*$")
_HASH = re.compile(r"\s+--hash=\S+")


class RequirementError(WrongUsage):
    """Requirements that can't be read, or that no lock can hold. Its text names the place."""


def read(file: str | None, words: Sequence[str]) -> tuple[str, ...]:
    """Read the requirements of a file and of the command line, in one form and order.

    Args:
        file: a path, None where there is none.
        words: those of the command line, a requirement each.

    Raises:
        RequirementError: when the file can't be read, or one of them is none that an index has.
    """
    found = {_one(word, f"--with {word}") for word in words}
    if file is not None:
        found |= {_one(line, place) for line, place in _lines(Path(file))}
    return tuple(sorted(found - {SDK}))


def _lines(file: Path) -> Iterator[tuple[str, str]]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise RequirementError(f"--requirements {file} can't be read: {why}") from None
    number = 0
    for whole in re.split(r"(?<!\\)\n", text):
        number += 1
        line = _HASH.sub("", _COMMENT.sub("", whole.replace("\\\n", " "))).strip()
        if line:
            yield line, f"{file}, line {number}"
        number += whole.count("\\\n")


def _one(text: str, place: str) -> str:
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        why = "" if text.startswith("-") else f" ({str(error).splitlines()[0]})"
        raise RequirementError(
            f"{place}: {text!r} is no requirement such as boto3>=1.20{why}"
        ) from None
    if requirement.url is not None:
        raise RequirementError(
            f"{place}: {text!r} is at an address: a lock holds what an index has, with hashes"
        )
    requirement.name = canonicalize_name(requirement.name)
    if requirement.name == SDK:
        requirement.specifier = SpecifierSet()
    return str(requirement)
