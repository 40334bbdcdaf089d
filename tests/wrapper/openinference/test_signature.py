"""Requests against what a model's author declares, alike on every way."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wrapper.front.asking import error_of
from tests.wrapper.openinference.ways import WAYS, Ways, tensor, thoroughly
from tests.wrapper.surroundings import AnsweringTorchServe
from wrapper.names import Target
from wrapper.openinference.signature import DeclaredTensor, Signature
from wrapper.signatures import Signatures

NAMES, DATATYPES = ("x", "y"), ("INT32", "INT64")
SIZES = st.lists(st.integers(0, 2), max_size=3)
DECLARED = st.builds(
    DeclaredTensor,
    st.sampled_from(NAMES),
    st.sampled_from(DATATYPES),
    st.lists(st.integers(-1, 2), max_size=3).map(tuple),
)
SENT = st.builds(
    lambda name, datatype, shape: {
        **tensor(datatype, shape, [1] * math.prod(shape)),
        "name": name,
    },
    st.sampled_from(NAMES),
    st.sampled_from(DATATYPES),
    SIZES,
)
X = DeclaredTensor("x", "INT64", (-1, 2))


@pytest.fixture
def declare(ways: Ways) -> Iterator[Any]:
    """Have a signature declared for the model as long as a test runs."""
    torchserve: AnsweringTorchServe = ways.torchserve

    def declared(signature: Signature, version: str = "") -> None:
        others = torchserve._signatures.by_target
        torchserve._signatures = Signatures({**others, Target("digits", version): signature})

    yield declared
    torchserve._signatures = Signatures()
    torchserve.workers.versions.clear()


def _fits(declared: DeclaredTensor, sent: dict[str, Any]) -> bool:
    sizes = ",".join(r"\d" if size == -1 else str(size) for size in declared.shape)
    said = re.escape(f"{declared.name} {declared.datatype} ") + sizes
    shape = ",".join(map(str, sent["shape"]))
    return re.fullmatch(said, f"{sent['name']} {sent['datatype']} {shape}") is not None


@thoroughly
@given(
    declared=st.lists(DECLARED, min_size=1, max_size=2, unique_by=lambda each: each.name),
    sent=st.lists(SENT, min_size=1, max_size=3),
)
def test_what_is_declared_is_taken_and_nothing_else_on_every_way(
    ways: Ways, declared: list[DeclaredTensor], sent: list[dict[str, Any]]
) -> None:
    by_name = {each.name: each for each in declared}
    fits = sorted(each["name"] for each in sent) == sorted(by_name) and all(
        _fits(by_name[each["name"]], each) for each in sent
    )
    has_names = len({each["name"] for each in sent}) == len(sent)
    for is_enforced in (True, False):
        signature = Signature(tuple(declared), (), is_enforced)
        ways.torchserve._signatures = Signatures({Target("digits"): signature})
        try:
            told = {ways.ask(way, {"inputs": sent}).status for way in WAYS}
        finally:
            ways.torchserve._signatures = Signatures()
        assert told == {200 if has_names and (fits or not is_enforced) else 400}


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ([{**tensor("INT64", [1], [1]), "name": "z"}], "The model has no input z: it takes x, y"),
        ([tensor("INT64", [1, 2], [1, 2])], "The model takes x, y: the request lacks y"),
        ([tensor("INT64", [1, 2], [1, 2])] * 2, "The input x is there a second time"),
        ([tensor("INT32", [1, 2], [1, 2])], "Tensor x is INT32, but the model takes INT64"),
        (
            [tensor("INT64", [2, 1], [1, 2])],
            "Tensor x has the shape [2, 1], but the model takes [-1, 2], where -1 is any",
        ),
        # What is wrong with a request in itself is told before.
        ([tensor("INT32", [2, 1], [1])], "Tensor x has 1 elements, but its shape [2, 1] means 2"),
    ],
)
def test_a_refusal_says_what_the_model_takes(
    ways: Ways, declare: Any, inputs: list[Any], told: str
) -> None:
    declare(Signature((X, DeclaredTensor("y", "INT64", ())), (), True))
    for way in WAYS:
        assert error_of(ways.ask(way, {"inputs": inputs})) == told
        assert ways.torchserve.calls == []


def test_an_output_that_isnt_declared_is_refused_before_the_model_is_asked(
    ways: Ways, declare: Any
) -> None:
    body = {"inputs": [tensor("INT64", [1, 2], [1, 2])], "outputs": [{"name": "z"}]}
    declare(Signature((X,), (), True))
    ways.reply({"model_name": "digits", "outputs": [{**body["inputs"][0], "name": "z"}]})
    assert {ways.ask(way, body).status for way in WAYS} == {200}
    declare(Signature((X,), (X,), True))
    for way in WAYS:
        assert error_of(ways.ask(way, body)) == "The model has no output z: it answers x"
        assert ways.torchserve.calls == []


def test_a_version_is_held_to_its_own_signature_and_so_is_the_default_one(
    ways: Ways, declare: Any
) -> None:
    body = {"inputs": [tensor("INT64", [1, 2], [1, 2])]}
    declare(Signature((X,), (), True))
    declare(Signature((DeclaredTensor("x", "INT64", (1,)),), (), True), "2.0")
    assert ways.ask("json", body).status == 200
    ways.torchserve.workers.versions["digits"] = {"2.0": None, "1.0": None}
    assert ways.ask("json", body).status == 400
