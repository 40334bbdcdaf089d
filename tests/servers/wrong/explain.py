"""Servers whose :explain is wrong."""

from __future__ import annotations

from tests.servers import state
from tests.servers.http import Answer, Request
from tests.servers.running import RightServer
from tests.servers.wrong.faults import (
    answer_failures,
    breaks,
    change_answers,
    change_documents,
    change_requests,
)

_EXPLAIN = ":explain"
_FAILED = Answer.error(500, "the explainer failed")


@breaks("V1-EXPLAIN-001")
def explains_with_predictions(server: RightServer) -> None:
    """Calls its explanations predictions."""
    change_documents(server, _EXPLAIN, lambda told: {"predictions": told["explanations"]})


@breaks("V1-EXPLAIN-001")
def has_no_explainer(server: RightServer) -> None:
    """Has the route, but nothing behind it."""
    answer_failures(server, _EXPLAIN, 200, Answer.error(501, "explain is not implemented"))


@breaks("V1-EXPLAIN-002")
def explains_the_first_instance(server: RightServer) -> None:
    """Explains the first instance of a batch only."""
    change_documents(server, _EXPLAIN, lambda told: {"explanations": told["explanations"][:1]})


@breaks("V1-EXPLAIN-002")
def explains_in_another_order(server: RightServer) -> None:
    """Gives the explanations from the last instance to the first."""
    change_documents(server, _EXPLAIN, lambda told: told["explanations"].reverse())


@breaks("V1-EXPLAIN-003")
def explains_instances_only(server: RightServer) -> None:
    """Takes one of the two root keys."""

    def fault(request: Request, _: Answer) -> Answer | None:
        return _FAILED if b'"inputs"' in request.body else None

    change_answers(server, _EXPLAIN, fault)


@breaks("V1-EXPLAIN-004", "V1-EXPLAIN-008")
def fails_on_what_its_predictor_refuses(server: RightServer) -> None:
    """Answers 500 for a model that isn't there or isn't ready."""
    change_answers(
        server, _EXPLAIN, lambda _, answer: _FAILED if answer.status in (404, 503) else None
    )


@breaks("V1-EXPLAIN-005")
def fails_on_what_is_no_json(server: RightServer) -> None:
    """Answers 500 where it should refuse."""
    answer_failures(server, _EXPLAIN, 400, _FAILED)


@breaks("V1-EXPLAIN-006")
def gives_the_headers_back(server: RightServer) -> None:
    """Has each header of the request in its answer, as KServe's SDK from 0.14."""

    def fault(request: Request, answer: Answer) -> None:
        answer.headers = {**request.headers, **answer.headers}
        answer.headers["content-length"] = str(len(answer.body))

    change_answers(server, _EXPLAIN, fault)


@breaks("V1-EXPLAIN-007")
def compares_the_media_type_as_a_whole(server: RightServer) -> None:
    """Takes a charset for another media type, as KServe's SDK from 0.11."""

    def fault(request: Request, _: Answer) -> Answer | None:
        return None if request.headers["content-type"] == "application/json" else _FAILED

    change_answers(server, _EXPLAIN, fault)


@breaks("V1-EXPLAIN-008")
def explains_by_a_model_that_is_not_ready(server: RightServer) -> None:
    """Doesn't look whether the model is ready."""

    def fault(request: Request) -> None:
        request.path = request.path.replace(state.NOT_READY, state.MODEL)

    change_requests(server, _EXPLAIN, fault)
