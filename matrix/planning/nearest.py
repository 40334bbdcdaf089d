"""The name of a list that is nearest to one that isn't in it, for who mistyped it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from itertools import zip_longest

from packaging.version import InvalidVersion, Version


def nearest(word: str, known: Sequence[str]) -> str | None:
    """Give the release that is nearest to a release, or the word that is most like a word.

    Args:
        known: releases, words or both.

    Returns:
        None where no word is like it, or there is no release to be near to.
    """
    try:
        wanted = Version(word)
    except InvalidVersion:
        return next(iter(difflib.get_close_matches(word, known, n=1)), None)
    releases = sorted(each for each in map(_release, known) if each is not None)
    around = [
        *[each for each in releases if each <= wanted][-1:],
        *[each for each in releases if each > wanted][:1],
    ]
    return str(min(around, key=lambda each: _steps(each, wanted))) if around else None


def hint(word: str, known: Sequence[str]) -> str:
    """Say which one is nearest, as the end of a sentence that has none yet; else nothing."""
    near = nearest(word, known)
    return f"; the nearest is {near}" if near else ""


def _release(word: str) -> Version | None:
    try:
        return Version(word)
    except InvalidVersion:
        return None


def _steps(one: Version, other: Version) -> list[int]:
    """Count how far two releases are apart, the major first."""
    parts = zip_longest(one.release, other.release, fillvalue=0)
    return [abs(first - second) for first, second in parts]
