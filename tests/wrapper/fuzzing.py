"""What the fuzz of the wrapper's HTTP has on both sides: how much there is, how bytes go wrong.

``FUZZ=100000`` in the environment has so many requests sent; by default there are few.
"""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Sequence

NUMBER = int(os.environ.get("FUZZ", "600"))
SEED = int(os.environ.get("FUZZ_SEED", "20261130"))

# What parsers stumble over.
_TROUBLE = (
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b":",
    b"\xff",
    b"\r\n\r\n",
    b"0\r\n\r\n",
    b"HTTP/1.1 ",
)


def cut(chance: random.Random, sent: bytes) -> list[bytes]:
    """Cut bytes into parts, at times into single ones."""
    if not sent:
        return []
    if chance.random() < 0.1:
        return [sent[at : at + 1] for at in range(len(sent))]
    places = sorted(chance.randrange(len(sent)) for _ in range(chance.choice((0, 0, 1, 2, 5))))
    edges = [0, *places, len(sent)]
    return [sent[start:end] for start, end in itertools.pairwise(edges) if start < end]


def broken(chance: random.Random, sent: bytes) -> bytes:
    """Give bytes with something wrong: changed, left out, put in twice or between."""
    at = chance.randrange(len(sent))
    end = min(len(sent), at + chance.choice((1, 1, 2, 8, 40)))
    trouble = chance.choice(_TROUBLE)
    wrong: Sequence[bytes] = (
        sent[:at],
        sent[:at] + sent[end:],
        sent[:end] + sent[at:],
        sent[:at] + trouble + sent[at:],
        sent[:at] + trouble + sent[end:],
        sent[:at] + bytes((sent[at] ^ (1 << chance.randrange(8)),)) + sent[at + 1 :],
        sent + trouble,
    )
    return chance.choice(wrong)
