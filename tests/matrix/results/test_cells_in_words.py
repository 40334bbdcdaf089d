"""Cells told briefly, in words that stand for them and for no others."""

from __future__ import annotations

import itertools

import pytest

from matrix.results import cells_in_words

RELEASES = ("0.9.0", "0.10.2", "0.11.2", "0.12.1")
PROTOCOLS = ("unset", "v1", "v2")
ENVELOPES = ("kserve", "kservev2")
EVERY = [
    {"kserve": release, "protocol": protocol, "envelope": envelope, "runtime": "container"}
    for release, protocol, envelope in itertools.product(RELEASES, PROTOCOLS, ENVELOPES)
]


def cells(**points: tuple[str, ...]) -> list[dict[str, str]]:
    """Give the cells that are at these points."""
    return [cell for cell in EVERY if all(cell[axis] in found for axis, found in points.items())]


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        (EVERY, "everywhere"),
        ([], "nowhere"),
        (cells(kserve=("0.9.0",)), "KServe 0.9.0"),
        (cells(kserve=RELEASES[1:]), "KServe 0.10.2-0.12.1 (3 releases)"),
        (cells(kserve=("0.12.1", "0.9.0")), "KServe 0.9.0, 0.12.1"),
        (cells(protocol=("unset", "v1")), "PROTOCOL_VERSION unset, v1"),
        (
            cells(protocol=("v2",), envelope=("kserve",)),
            "PROTOCOL_VERSION v2 with envelope kserve",
        ),
        (
            cells(protocol=("v2",), envelope=("kserve",), kserve=RELEASES[:3]),
            "KServe 0.9.0-0.11.2 (3 releases) with PROTOCOL_VERSION v2 and envelope kserve",
        ),
        (
            cells(kserve=("0.9.0",)) + cells(protocol=("unset",)),
            "PROTOCOL_VERSION unset; KServe 0.9.0 with PROTOCOL_VERSION v1, v2",
        ),
        (
            cells(kserve=("0.9.0",), protocol=("v1",))
            + cells(kserve=("0.10.2",), protocol=("v2",)),
            "KServe 0.9.0 with PROTOCOL_VERSION v1; KServe 0.10.2 with PROTOCOL_VERSION v2",
        ),
    ],
)
def test_cells_are_told_by_what_tells_them_apart(chosen: list[dict[str, str]], told: str) -> None:
    assert cells_in_words.of(chosen, EVERY) == told


def test_the_order_of_cells_makes_no_difference_and_a_cell_given_twice_neither() -> None:
    chosen = cells(kserve=RELEASES[1:])
    assert cells_in_words.of(
        [*reversed(chosen), *chosen], [*reversed(EVERY), *EVERY]
    ) == cells_in_words.of(chosen, EVERY)


def test_only_releases_have_ranges() -> None:
    every = [{"protocol": each} for each in ("unset", "v1", "v2", "v3")]
    assert cells_in_words.of(every[:3], every) == "PROTOCOL_VERSION unset, v1, v2"


def test_an_axis_with_one_point_is_never_named() -> None:
    assert "container" not in cells_in_words.of(EVERY[:1], EVERY)


def test_cells_without_a_shape_are_told_in_part_with_how_many_more() -> None:
    every = [{"kserve": f"0.{at}.0", "protocol": str(at)} for at in range(10)]
    every += [{"kserve": f"0.{at}.0", "protocol": str(at + 1)} for at in range(10)]
    *told, more = cells_in_words.of(every[:10], every).split("; ")
    assert (len(told), more) == (4, "and 6 more")


def test_cells_that_are_not_among_all_count_as_if_they_were() -> None:
    assert cells_in_words.of([{**EVERY[0], "kserve": "0.21.0"}], EVERY) == "KServe 0.21.0"


def test_cells_of_another_kind_than_the_matrix_are_told_too() -> None:
    every = [{"target": "http://one", "model": "a"}, {"target": "http://one", "model": "b"}]
    assert cells_in_words.of(every[:1], every) == "model a"
