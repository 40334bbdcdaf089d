"""What rises in a soak is told, and noise is no rise."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from drill import soak, soak_results
from drill.judging import judge
from drill.soak import Sample, Soak

MEGABYTE = 10**6


def samples(memory: Callable[[float], float], files: Callable[[float], float]) -> list[Sample]:
    """Give the samples of 20 minutes, one in 5 s."""
    return [Sample(at, int(memory(at)), int(files(at))) for at in range(0, 1200, 5)]


def noise(most: float) -> float:
    """Give a number from zero to the most, another each time."""
    return most * _random.random()


_random = random.Random(17)


def test_what_is_level_but_for_noise_has_no_slope() -> None:
    told = soak.slopes(samples(lambda _: 100 * MEGABYTE + noise(5e6), lambda _: 40 + noise(8)))
    assert judge(soak.WANTED[2:], told) == []
    assert told["memory_megabytes_at_most"] == pytest.approx(105, abs=1)


def test_a_rise_is_told_also_under_noise() -> None:
    # 30 MB and 12 files an hour.
    memory = samples(
        lambda at: 100 * MEGABYTE + at * 30e6 / 3600 + noise(2e6), lambda at: 40 + at / 300
    )
    said = judge(soak.WANTED[2:], soak.slopes(memory))
    assert [each.partition(":")[0] for each in said] == [
        "memory rise percent an hour",
        "files rise an hour",
    ]


def test_what_a_start_takes_is_no_rise() -> None:
    warming = samples(lambda at: min(at, 250) * 4e5, lambda at: min(at, 250))
    assert judge(soak.WANTED[2:], soak.slopes(warming)) == []


def test_few_samples_say_nothing() -> None:
    assert soak.slopes([])["files_rise_an_hour"] == 0


def test_results_are_kept_and_told_in_a_table(tmp_path: Path) -> None:
    figures = {
        "requests": 10.0,
        "wrong_answers": 0.0,
        "failed_at_the_end": 0.0,
        **soak.slopes(samples(lambda _: 1e8, lambda _: 40)),
    }
    told = Soak("0.13.1", 20, 240.0, 120.0, {"200": 9, "503": 1}, {"idle": 2}, [], figures)
    soak_results.write(tmp_path / "soak.json", "{python} -m wrapper", [told])
    kept = soak_results.read(tmp_path / "soak.json")["soaks"]
    assert "| 0.13.1 | 20 | 120 | idle: 2 | 200: 9, 503: 1 | 0 | 0 | 100 | 0 | 40 | 0 |" in (
        soak_results.table(kept)
    )
