"""The tree of errors is drawn as it is: each class with its base, in the order of the steps."""

from __future__ import annotations

import importlib
import pkgutil
import re
from types import ModuleType

import kserve_conformance
import pytest
from kserve_conformance import errors as suite
from kserve_conformance.errors import NotKnown, WrongUsage

import drill
import matrix
from fixtures.torchserve import TorchServeError
from matrix import errors as whole

BASES: tuple[type[Exception], ...] = (WrongUsage, NotKnown, TorchServeError)
STEPS = ("options", "data files", "results", "planning", "environments", "running", "judging")
# A class, indented below its base, and the step that raises it.
_DRAWN = re.compile(r"^    ( +)?([A-Z]\w+) +(\w[\w ]*)(:|,| )", re.MULTILINE)


def drawn(*modules: ModuleType) -> dict[str, list[tuple[str, str]]]:
    """Read the drawings: the classes with their steps by base, in the order in which they stand."""
    tree: dict[str, list[tuple[str, str]]] = {}
    for module in modules:
        base = ""
        for inside, name, step, _ in _DRAWN.findall(module.__doc__ or ""):
            if inside:
                tree[base].append((name, step))
            else:
                base = name
                tree.setdefault(base, [])
    return tree


@pytest.fixture(scope="module", autouse=True)
def _every_module_is_imported() -> None:
    for package in (kserve_conformance, matrix, drill):
        for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not each.name.endswith(("__main__", "conftest")) and ".suite" not in each.name:
                importlib.import_module(each.name)


@pytest.mark.parametrize("base", BASES, ids=lambda base: base.__name__)
def test_every_error_is_drawn_below_its_base(base: type[Exception]) -> None:
    named = [name for name, _ in drawn(suite, whole, drill)[base.__name__]]
    there = {each.__name__ for each in subclasses(base)}
    assert sorted(named) == sorted(there)


@pytest.mark.parametrize("module", [suite, whole, drill], ids=["suite", "matrix", "drill"])
def test_they_stand_in_the_order_of_the_steps(module: ModuleType) -> None:
    tree = drawn(module)
    assert tree
    for named in tree.values():
        steps = [STEPS.index(step) for _, step in named]
        assert steps == sorted(steps)


def test_a_class_of_errors_is_in_the_tree_or_ends_no_command() -> None:
    """What is about a check alone, and what a module keeps to itself, is outside of the tree."""
    outside = {
        each.__name__
        for each in subclasses(Exception)
        if each.__module__.startswith(("kserve_conformance.", "matrix.", "drill.", "fixtures."))
        and not issubclass(each, BASES)
    }
    assert {name for name in outside if not name.startswith("_")} == {
        "Blamed",
        "CallFailed",
        "CantFork",
        "Departure",
        "NoAnswer",
        "PodError",
        "Refused",
        "Unsupported",
    }


def subclasses(base: type[Exception]) -> set[type[Exception]]:
    """Give the classes below one, at any depth, that are this repository's."""
    below = set(base.__subclasses__())
    return below.union(*map(subclasses, below))
