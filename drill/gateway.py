"""What users would have seen through a gateway that sends some requests again.

It is told from what was recorded without one, so that one run answers for each policy.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kserve_conformance import datafile

from drill.outcomes import Outcome

FILE = Path(__file__).with_name("gateways.toml")
_SCHEMA = FILE.with_suffix(".schema.json")


@dataclass(frozen=True)
class Gateway:
    """What a gateway sends again.

    Attributes:
        sends_again: results of an `Outcome` after which it does.
        times: how often at most.
        pause: seconds before it does.
    """

    name: str
    title: str
    sends_again: frozenset[str]
    times: int
    pause: float


@dataclass(frozen=True)
class Seen:
    """How many requests a gateway would have answered with an error.

    Attributes:
        alone: where this wrapper is the only one: what is sent again meets what it said then.
        beside: where the next one is well, as of several replicas.
        sent_again: how many requests would have been sent again.
    """

    alone: int
    beside: int
    sent_again: int

    def to_dict(self) -> dict[str, int]:
        """Give it as JSON takes it."""
        return {"alone": self.alone, "beside": self.beside, "sent_again": self.sent_again}


def load(path: Path = FILE) -> tuple[Gateway, ...]:
    """Read the gateways.

    Raises:
        DataFileError: when the file can't be used.
    """
    document = datafile.read(path, _SCHEMA)
    return tuple(
        Gateway(
            each["name"],
            each["title"],
            frozenset(each["sends_again"]),
            each["times"],
            each["pause"],
        )
        for each in document["gateway"]
    )


def replay(outcomes: Sequence[Outcome], gateway: Gateway) -> Seen:
    """Tell what users of these requests would have seen through a gateway.

    A request that is sent again is answered as the first one of its protocol that began from then
    on, of whichever client; where none did, as the last one.
    """
    by_protocol: defaultdict[str, list[Outcome]] = defaultdict(list)
    for each in sorted(outcomes, key=lambda each: each.began):
        by_protocol[each.protocol].append(each)
    begins = {name: [each.began for each in list_] for name, list_ in by_protocol.items()}
    failed = [each for each in outcomes if not each.is_well]
    again = [each for each in failed if each.result in gateway.sends_again]
    alone = [each for each in failed if not _last(each, gateway, by_protocol, begins).is_well]
    return Seen(len(alone), len(failed) - len(again), len(again))


def _last(
    first: Outcome,
    gateway: Gateway,
    by_protocol: Mapping[str, Sequence[Outcome]],
    begins: Mapping[str, Sequence[float]],
) -> Outcome:
    """Give the outcome that the user of a request would have seen."""
    latest, now = first, first.ended
    for _ in range(gateway.times):
        if latest.result not in gateway.sends_again:
            break
        now += gateway.pause
        place = bisect.bisect_left(begins[first.protocol], now)
        if place == len(begins[first.protocol]):
            latest = by_protocol[first.protocol][-1]
            break
        latest = by_protocol[first.protocol][place]
        now += latest.seconds
    return latest
