"""Servers that take null, an empty text, or a name that is there twice for something else."""

from __future__ import annotations

from typing import Any

from tests.servers.http import Answer, Request
from tests.servers.running import RightServer
from tests.servers.wrong.faults import breaks, change_answers, change_documents
from tests.servers.wrong.v2_faults import (
    INFER,
    answer_with,
    change_bodies,
    document_of,
    fail_where,
    inputs_of,
)


@breaks("V2-INFER-040")
def knows_no_null(server: RightServer) -> None:
    """Checks the kind of whatever has a key."""
    refused = Answer.error(422, "expected a text")
    fail_where(server, lambda request: None in document_of(request).values(), refused)


@breaks("V2-INFER-040")
def knows_no_null_in_tensors(server: RightServer) -> None:
    """Iterates over parameters that are null."""

    def has_null(request: Request) -> bool:
        return any(None in each.values() for each in inputs_of(document_of(request)))

    fail_where(server, has_null)


@breaks("V2-INFER-040")
def knows_no_null_in_requested_outputs(server: RightServer) -> None:
    """Does so with those of an output that is asked for."""

    def has_null(request: Request) -> bool:
        wanted = document_of(request).get("outputs") or []
        return any(None in each.values() for each in wanted)

    fail_where(server, has_null)


@breaks("V2-INFER-040")
def gives_null_back(server: RightServer) -> None:
    """Copies the id, whatever it is."""

    def fault(request: Request, answer: Answer) -> None:
        if document_of(request).get("id", "") is None:
            answer.put({**answer.document(), "id": None})

    change_answers(server, INFER, fault)


@breaks("V2-INFER-041")
def makes_an_id_where_it_is_empty(server: RightServer) -> None:
    """Tests the id for truth, and makes one up, as KServe's SDK 0.10."""
    change_documents(server, INFER, lambda told: told.update(id=told.get("id") or "6f7c1d"))


@breaks("V2-INFER-043")
def gives_an_output_as_often_as_it_is_named(server: RightServer) -> None:
    """Runs through the names without a look at those before."""

    def fault(request: Request, answer: Answer) -> Answer | None:
        document = document_of(request)
        wanted = [each["name"] for each in document.get("outputs") or ()]
        if len(wanted) == len(set(wanted)):
            return None
        return answer_with(each for name in wanted for each in inputs_of(document))

    change_answers(server, INFER, fault)


@breaks("V2-INFER-043")
def fails_on_a_name_that_is_there_twice(server: RightServer) -> None:
    """Doesn't catch that a key is taken."""

    def is_twice(request: Request) -> bool:
        wanted = [each["name"] for each in document_of(request).get("outputs") or ()]
        return len(wanted) > len(set(wanted))

    fail_where(server, is_twice)


@breaks("V2-INFER-045")
def has_numbers_for_versions(server: RightServer) -> None:
    """Writes them as it keeps them."""
    change_documents(server, INFER, lambda told: told.update(model_version=1))


@breaks("V2-INFER-046")
def takes_the_last_of_two_inputs(server: RightServer) -> None:
    """Reads the inputs into a mapping."""
    change_bodies(server, _without_doubles)


@breaks("V2-INFER-046")
def fails_on_an_input_that_is_there_twice(server: RightServer) -> None:
    """Doesn't catch what the mapping raises."""

    def is_twice(request: Request) -> bool:
        names = [each.get("name") for each in inputs_of(document_of(request))]
        return len(names) > len(set(names))

    fail_where(server, is_twice)


def _without_doubles(document: Any) -> None:
    inputs = inputs_of(document)
    if inputs:
        document["inputs"] = list({each.get("name"): each for each in inputs}.values())


@breaks("V2-INFER-047")
def fails_on_a_member_that_is_there_twice(server: RightServer) -> None:
    """Has a parser that raises another exception then."""
    fail_where(server, lambda request: request.body.count(b'"id"') > 1)


@breaks("V2-INFER-044")
def hands_integers_on_as_signed(server: RightServer) -> None:
    """Asks a server behind by gRPC, and has one member for integers."""

    def is_beyond(request: Request) -> bool:
        told = document_of(request)
        return any(
            value == 2**64 - 1
            for holder in (told, *inputs_of(told))
            for value in (holder.get("parameters") or {}).values()
        )

    fail_where(server, is_beyond)
