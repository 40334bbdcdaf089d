"""A model that has to declare its inputs can be judged: each name has one datatype and rank."""

from __future__ import annotations

from typing import Any

import pytest
from kserve_conformance import catalogue, tensors
from kserve_conformance.asking.target import Target
from kserve_conformance.session import Session

from tests.servers import RightServer, model


def test_what_reaches_the_model_is_named_for_its_datatype_and_rank(
    target: Target, server: RightServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived: set[tuple[str, str, int]] = set()
    answer = model.infer

    async def noted(inputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        arrived.update((each["name"], each["datatype"], len(each["shape"])) for each in inputs)
        return await answer(inputs)

    monkeypatch.setattr(model, "infer", noted)
    with Session(target) as session:
        for statement in catalogue.load().values():
            if statement.profile in ("v2", "grpc"):
                session.judge(statement)
    # A scalar can't be declared in general, but its name says so; one name more is tried to see
    # whether a model that wasn't described takes it.
    scalars = {
        (tensors.returned(datatype, [], [])["name"], datatype, 0) for datatype in tensors.DATATYPES
    }
    assert arrived - scalars - {("input", "INT32", 2)} <= set(tensors.declared())
    assert len(arrived) > 30
