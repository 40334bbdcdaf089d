"""The targets of the wrapper's speed, and how they are judged."""

from __future__ import annotations

import json
import tomllib

import jsonschema_rs
import pytest

from benchmarks import targets, throughput, ways
from benchmarks.targets import Target
from matrix.planning import axes

SCHEMA = json.loads(targets.FILE.with_name("targets.schema.json").read_text())


def test_the_targets_keep_their_schema() -> None:
    jsonschema_rs.validate(SCHEMA, tomllib.loads(targets.FILE.read_text()))


@pytest.mark.parametrize("bounds", ["", "at_most = 1\nat_least = 1"])
def test_a_target_has_one_bound(bounds: str) -> None:
    one = f'[[target]]\nway = "V1"\nbody = "31 B"\nconnections = 1\nfigure = "ratio"\n{bounds}\n'
    with pytest.raises(jsonschema_rs.ValidationError, match=r"valid under"):
        jsonschema_rs.validate(SCHEMA, tomllib.loads(f'kserve = ["0.13.1"]\n{one}'))


def test_each_target_is_of_what_is_measured() -> None:
    known = targets.load()
    measured = {(way.name, way.body, number) for way in ways.every() for number in way.connections}
    assert {(each.way, each.body, each.connections) for each in known.each} <= measured
    newest = axes.load().profile("all")[-1]
    asked = {newest if each == "newest" else each for each in throughput.RELEASES}
    assert set(known.kserve) <= asked


def test_the_bound_itself_keeps_it() -> None:
    most = Target("V1", "31 B", 1, "cpu_us", at_most=200)
    assert [most.met(value) for value in (199.9, 200, 200.1)] == [True, True, False]
    least = Target("V1", "31 B", 1, "ratio", at_least=0.85)
    assert [least.met(value) for value in (0.84, 0.85, 1.2)] == [False, True, True]
