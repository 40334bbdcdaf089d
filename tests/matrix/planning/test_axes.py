"""The axes: what the repository's file holds, and how a file that is wrong is told."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, get_args

import pytest
from kserve_conformance.errors import DataFileError
from packaging.version import Version

from fixtures.torchserve import Runtime, releases
from matrix.planning import axes, axis_table
from matrix.planning.axes import AxesError
from matrix.planning.cells import Cell
from matrix.planning.options import RunOptions
from tests.matrix.planning import wrong_axes


@pytest.fixture(scope="module")
def ours() -> axes.Axes:
    return axes.load()


def test_holds_the_27_releases_of_the_sdk_in_order(ours: axes.Axes) -> None:
    assert len(ours.kserve) == 27
    assert list(ours.kserve) == sorted(ours.kserve, key=Version)
    assert "0.10.1.1" not in ours.kserve, "it is yanked"


def test_default_profile_is_the_newest_patch_of_each_minor(ours: axes.Axes) -> None:
    assert ours.profile("default") == (
        *("0.8.0.2", "0.9.0", "0.10.2", "0.11.2", "0.12.1", "0.13.1", "0.14.1"),
        *("0.15.2", "0.16.0", "0.17.1", "0.18.1", "0.19.0", "0.20.0", "0.21.0"),
    )


def test_profile_all_is_every_release(ours: axes.Axes) -> None:
    assert ours.profile("all") == tuple(ours.kserve)


def test_unset_and_empty_are_different_values(ours: axes.Axes) -> None:
    assert ours.value("unset") is None
    assert ours.value("empty") == ""
    assert ours.value("padded-v1") == " v1 "


def test_every_release_has_exactly_one_control_plane(ours: axes.Axes) -> None:
    for release in ours.kserve:
        assert len([plane for plane in ours.control_planes if plane.is_of(release)]) == 1


def test_every_torchserve_offered_can_be_run(ours: axes.Axes) -> None:
    assert set(ours.torchserve) <= set(releases.versions())


def test_a_release_that_is_not_there_is_told_with_the_nearest(ours: axes.Axes) -> None:
    with pytest.raises(
        AxesError, match=r"KServe '0\.13\.2' is not in .*; the nearest is 0\.13\.1$"
    ):
        ours.release("0.13.2")
    with pytest.raises(AxesError, match=r"TorchServe '0\.12\.1' .*; the nearest is 0\.12\.0$"):
        ours.torchserve_release("0.12.1")
    assert ours.torchserve_release("0.9.0") == "0.9.0"


def test_points_that_the_file_lacks_come_last(ours: axes.Axes) -> None:
    assert ours.in_order("protocol", ["v9", "v2", "unset"]) == ["unset", "v2", "v9"]
    assert ours.in_order("torchserve", ["0.12.0", "0.9.0"]) == ["0.9.0", "0.12.0"]


def test_every_axis_is_a_field_of_cells_and_of_options() -> None:
    names = [field.name for field in dataclasses.fields(Cell)]
    assert names == [*axis_table.NAMES, "attempt"]
    assert {each.name for each in axis_table.CHOSEN} <= {
        each.name for each in dataclasses.fields(RunOptions)
    }


def test_the_schemas_have_the_axes_of_the_table(ours: axes.Axes) -> None:
    gate, expectations = (
        json.loads((axes.FILE.parent / f"{name}.schema.json").read_text())
        for name in ("gate", "expectations")
    )
    assert gate["$defs"]["axis"]["enum"] == list(axis_table.NAMES)
    least = gate["properties"]["require"]["items"]["properties"]["least"]
    assert least["propertyNames"]["enum"] == ["cells", *axis_table.NAMES]
    serves: Any = expectations["properties"]["serves"]["items"]["properties"]
    assert serves["envelopes"]["items"]["enum"] == list(ours.offered["envelope"])
    assert ours.offered["runtime"] == get_args(Runtime)


def test_unknown_names_are_told_with_those_there_are(ours: axes.Axes) -> None:
    with pytest.raises(AxesError, match=r"'0\.7\.0' is not in axes\.toml, which has 0\.8\.0, "):
        ours.release("0.7.0")
    with pytest.raises(AxesError, match=r"'v4' is no PROTOCOL_VERSION .* unset, empty, v1"):
        ours.value("v4")
    with pytest.raises(
        AxesError, match="'some' is no profile: use one of default, quick, historical, "
    ):
        ours.profile("some")


# Each mistake in the repository's own file, and what must be said of it.
MISTAKES = {
    "no TOML": ("schema = 1", "schema = ", r"can't be read: .*line"),
    "unknown key": ("python = ", "pyhton = ", r"kserve\[0\]: .*pyhton"),
    "wrong type": ('python = "3.9"', "python = 3.9", r"kserve\[0\]\.python: 3\.9 is not"),
    "date in quotes": (
        "cut_off = 2022-03-08",
        'cut_off = "2022-03-08"',
        r"kserve\[0\]\.cut_off: '2022-03-08' is text: write a date without quotes",
    ),
    "repeated release": (
        'release = "0.8.0.1"',
        'release = "0.8.0"',
        r"kserve: release '0\.8\.0' is there twice",
    ),
    "repeated value": ('name = "empty"', 'name = "unset"', r"protocol: name 'unset' is there"),
    "default not offered": (
        'default = "0.12.0"',
        'default = "0.99.0"',
        r"torchserve\.default: 0\.99\.0 is not among",
    ),
    "unknown axis": (
        "[runtime]",
        "[runtim]",
        r"runtim: there is no such axis; the axes are kserve, protocol, envelope, torchserve, ",
    ),
    "no table of an axis": (
        '[runtime]\ndefault = "container"\noffered = ["container", "process"]',
        "",
        r"runtime: it is an axis: add its table",
    ),
    "no requirement": (
        '"setuptools<81"',
        '"setuptools 81"',
        r"kserve\[\d+\]\.also: 'setuptools 81': ",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_file_is_told_with_file_and_key(mistake: str, tmp_path: Path) -> None:
    wrong_axes.assert_is_told(MISTAKES[mistake], tmp_path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"nowhere\.toml can't be read"):
        axes.load(tmp_path / "nowhere.toml")
