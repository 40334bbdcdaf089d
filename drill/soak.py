"""Load for many minutes with a fault in each: whether anything grows, and all stays right."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from drill import outcomes as of_requests
from drill import pod, running, torchserve
from drill.background import Background
from drill.judging import Figure, Wanted, judge
from drill.load import CLIENTS, Load, Probe
from drill.outcomes import WRONG
from drill.pod import Wrapper
from drill.rows import Row
from drill.wrapper_setup import USUAL
from matrix.planning.subject import Subject

_SAMPLE_EVERY = 5.0
# Of the time, that caches and the JVM need to fill: what grows then is no slope.
_WARMING = 0.25
_BEST_SECONDS = 10.0
_MINUTE = 60.0
# Seconds of a minute before its fault, and from each sample that counts to the fault before it.
_QUIET = 10.0

# A rise is told by the lower end of its 95% confidence interval: what is there without doubt.
WANTED = (
    Wanted("wrong_answers", most=0),
    Wanted("failed_at_the_end", most=0),
    Wanted("memory_rise_percent_an_hour", most=5),
    Wanted("files_rise_an_hour", most=1),
)


@dataclass(frozen=True)
class Sample:
    """What the wrapper's processes had together, so many seconds after the beginning."""

    seconds: float
    memory: int
    files: int


@dataclass(frozen=True)
class Soak:
    """What a soak came to.

    Attributes:
        best: requests a second that were answered without a limit.
        rate: requests a second that were sent.
        counts: of all requests, by result.
        faults: how often each row's fault was done.
        unmet: a sentence for each condition that isn't met.
    """

    kserve: str
    minutes: int
    best: float
    rate: float
    counts: Mapping[str, int]
    faults: Mapping[str, int]
    samples: Sequence[Sample]
    figures: Mapping[str, Figure]
    unmet: Sequence[str] = field(default=())

    def to_dict(self) -> dict[str, object]:
        """Give it as JSON takes it."""
        return asdict(self)


def run(
    subject: Subject,
    release: str,
    minutes: int,
    rows: Sequence[Row],
    tell: Callable[[str], None],
) -> Soak:
    """Put half of the best rate on a wrapper, with the fault of one row after another each minute.

    Raises:
        TorchServeError: when TorchServe doesn't start.
        NotKnown: when a fault can't be done, or the wrapper isn't ready.
    """
    done: dict[str, int] = {}
    with torchserve.start() as started, pod.before(subject, release, started) as around:
        around.have(USUAL)
        wrapper = around.wrapper
        best = _best_rate(wrapper)
        tell(f"{best:.0f} requests/s at best")
        began = time.monotonic()
        with (
            Probe(wrapper.address.http) as probe,
            Load(wrapper.address, CLIENTS, {}, rate=best / 2) as load,
            _Sampler(wrapper, began) as sampler,
        ):
            for minute in range(minutes):
                row = rows[minute % len(rows)]
                time.sleep(_QUIET)
                running.strike(row, around, load, probe, lambda _: None)
                done[row.name] = done.get(row.name, 0) + 1
                rest = began + _MINUTE * (minute + 1) - time.monotonic()
                tell(
                    f"minute {minute + 1} of {minutes}: {row.name}, {len(load.outcomes):,} requests"
                )
                time.sleep(max(0.0, rest))
        ended = time.monotonic()
    at_the_end = [each for each in load.outcomes if each.ended > ended - _QUIET]
    figures = {
        "requests": float(len(load.outcomes)),
        "wrong_answers": float(sum(each.result == WRONG for each in load.outcomes)),
        "failed_at_the_end": float(sum(not each.is_well for each in at_the_end)),
        **slopes(sampler.samples),
    }
    return Soak(
        kserve=release,
        minutes=minutes,
        best=round(best, 1),
        rate=round(best / 2, 1),
        counts=of_requests.counts(load.outcomes),
        faults=done,
        samples=sampler.samples,
        figures=figures,
        unmet=judge(WANTED, figures),
    )


def slopes(samples: Sequence[Sample]) -> Mapping[str, Figure]:
    """Give by how much memory and open files rise in an hour, and what there was at the most.

    Slopes are Theil and Sen's, which what is large for a moment doesn't turn; of their 95%
    confidence intervals the lower end, or the slope itself of fewer than three samples.
    """
    from scipy.stats import theilslopes

    counted = samples[int(len(samples) * _WARMING) :]
    rises = {"memory": 0.0, "files": 0.0}
    if len(counted) > 2:
        at = [each.seconds for each in counted]
        for name in rises:
            found = theilslopes([getattr(each, name) for each in counted], at)
            rises[name] = 3600 * float(found.low_slope)
    rest = counted[0].memory if counted else 0
    return {
        "memory_megabytes_at_most": max((each.memory for each in samples), default=0) / 1e6,
        "files_at_most": float(max((each.files for each in samples), default=0)),
        "memory_rise_percent_an_hour": 100 * rises["memory"] / rest if rest else 0.0,
        "files_rise_an_hour": rises["files"],
    }


def _best_rate(wrapper: Wrapper) -> float:
    with Load(wrapper.address, CLIENTS, {}) as load:
        time.sleep(_BEST_SECONDS)
    return sum(each.is_well for each in load.outcomes) / _BEST_SECONDS


class _Sampler(Background):
    """Takes samples of a wrapper."""

    def __init__(self, wrapper: Wrapper, began: float) -> None:
        super().__init__([self._sample_on])
        self.samples: list[Sample] = []
        self._wrapper = wrapper
        self._began = began

    def _sample_on(self) -> None:
        while not self.over.wait(_SAMPLE_EVERY):
            seconds = round(time.monotonic() - self._began, 1)
            memory, files = self._wrapper.memory(), self._wrapper.open_files()
            self.samples.append(Sample(seconds, memory, files))
