"""Servers that fail in a wrong way."""

from __future__ import annotations

import asyncio

from tests.servers.http import Answer, Handler, Request
from tests.servers.running import RightServer
from tests.servers.wrong.faults import answer_failures, breaks, change_answers

_TRACE = 'Traceback (most recent call last):\n  File "/srv/handler.py", line 9, in handle\n'
_PAGE = {"content-type": "text/html"}


@breaks("V1-ERROR-001", "V2-ERROR-001", "V2-ERROR-005")
def fails_with_status_200(server: RightServer) -> None:
    """Tells of failures in the body only."""

    def fault(_: Request, answer: Answer) -> None:
        if answer.status >= 400:
            answer.status = 200

    change_answers(server, "/", fault)


@breaks("V1-ERROR-005", "V2-ERROR-001", "V2-ERROR-003", "V2-ERROR-004")
def says_detail(server: RightServer) -> None:
    """Leaves what the framework finds to the framework's own handler."""

    def fault(_: Request, answer: Answer) -> None:
        if 400 <= answer.status < 500:
            answer.put({"detail": "Not Found"})

    change_answers(server, "/", fault)


@breaks("V1-ERROR-001", "V2-ERROR-005")
def fails_in_plain_text(server: RightServer) -> None:
    """Leaves the model's exceptions to the framework."""
    answer_failures(server, "/", 500, Answer(500, b"Internal Server Error", dict(_PAGE)))


@breaks("V2-ERROR-001")
def answers_an_empty_error(server: RightServer) -> None:
    """Tells only that something failed."""
    answer_failures(server, "/v2", 400, Answer.error(400, ""))


@breaks("V2-ERROR-002")
def calls_faults_of_the_request_its_own(server: RightServer) -> None:
    """Takes a request apart unchecked."""
    answer_failures(server, "/infer", 400, Answer.error(500, "TypeError : no such member"))


@breaks("V2-ERROR-002")
def calls_an_unknown_model_its_own_fault(server: RightServer) -> None:
    """Passes on what the server behind said of a model that it doesn't know."""
    answer_failures(server, "/infer", 404, Answer.error(503, "no backend"))


@breaks("V1-ERROR-005", "V2-ERROR-003")
def shows_a_page_for_each_path(server: RightServer) -> None:
    """Serves a single-page application below all of its paths."""
    answer_failures(server, "no-such-path", 404, Answer(200, b"<html></html>", dict(_PAGE)))


@breaks("V2-ERROR-004")
def does_not_say_what_is_allowed(server: RightServer) -> None:
    """Refuses a method without Allow."""

    def fault(_: Request, answer: Answer) -> None:
        answer.headers.pop("allow", None)

    change_answers(server, "/infer", fault)


@breaks("V2-ERROR-004")
def has_no_route_for_other_methods(server: RightServer) -> None:
    """Says that there is nothing where the method is wrong."""
    answer_failures(server, "/infer", 405, Answer.error(404, "there is nothing here"))


@breaks("V1-ERROR-002", "V2-ERROR-006")
def shows_a_traceback(server: RightServer) -> None:
    """Answers with the text that is meant for its log."""
    answer_failures(server, "/", 500, Answer.error(500, f"{_TRACE}ValueError: conformance"))


@breaks("V1-ERROR-002", "V2-ERROR-006")
def shows_where_its_code_is(server: RightServer) -> None:
    """Names the file that failed."""
    answer_failures(server, "/", 500, Answer.error(500, "failed in /srv/models/handler.py"))


@breaks("V1-ERROR-002", "V2-ERROR-006")
def shows_the_server_behind(server: RightServer) -> None:
    """Passes on the exception of its HTTP client."""
    told = "HTTPStatusError : '500' for url 'http://10.0.0.7:8085/predictions/contract'"
    answer_failures(server, "/", 500, Answer.error(500, told))


@breaks("V1-ERROR-002", "V2-ERROR-006")
def blames_the_client_for_the_model(server: RightServer) -> None:
    """Answers 400 whatever went wrong."""
    answer_failures(server, "/", 500, Answer.error(400, "the model failed"))


@breaks("V1-ERROR-003", "V2-ERROR-007")
def breaks_with_the_model(server: RightServer) -> None:
    """Is out of order for good once its model failed."""
    _remember(server, 500)


@breaks("V1-ERROR-003", "V2-ERROR-007")
def breaks_with_a_bad_request(server: RightServer) -> None:
    """Is out of order for good once a request could not be read."""
    _remember(server, 400)


@breaks("V1-ERROR-003", "V2-ERROR-007")
def answers_with_the_last_error(server: RightServer) -> None:
    """Keeps the error of a request and gives it to the next, as its success."""
    kept: list[Answer] = []

    async def fault(request: Request, proceed: Handler) -> Answer:
        answer = await proceed(request)
        if answer.status >= 400:
            kept.append(answer)
        elif kept:
            answer.body = kept[-1].body
        return answer

    server.rest_fault = fault


@breaks("V1-ERROR-004", "V2-ERROR-008")
def calls_its_errors_a_page(server: RightServer) -> None:
    """Declares errors as text/html."""

    def fault(_: Request, answer: Answer) -> None:
        if answer.status >= 400:
            answer.headers |= _PAGE

    change_answers(server, "/", fault)


@breaks("V1-ERROR-004", "V2-ERROR-008")
def declares_its_errors_as_nothing(server: RightServer) -> None:
    """Sends errors without a Content-Type."""

    def fault(_: Request, answer: Answer) -> None:
        if answer.status >= 400:
            del answer.headers["content-type"]

    change_answers(server, "/", fault)


def _remember(server: RightServer, status: int) -> None:
    failed = False

    async def fault(request: Request, proceed: Handler) -> Answer:
        nonlocal failed
        answer = await proceed(request)
        if failed and "/models/" in request.path:
            return Answer.error(503, "the model is out of order")
        failed = failed or answer.status == status
        return answer

    server.rest_fault = fault


@breaks("V2-ERROR-010")
def fails_on_two_at_once(server: RightServer) -> None:
    """Has one place, and raises where it is taken."""
    _has_one_place(server, Answer.error(500, "IndexError : pop from an empty list"))


@breaks("V2-ERROR-010")
def puts_off_without_a_word(server: RightServer) -> None:
    """Refuses what is too much as a proxy does."""
    _has_one_place(server, Answer(503, b"<html>Service Unavailable</html>", dict(_PAGE)))


def _has_one_place(server: RightServer, otherwise: Answer) -> None:
    taken = asyncio.Semaphore(1)

    async def fault(request: Request, proceed: Handler) -> Answer:
        if taken.locked():
            return otherwise
        async with taken:
            # So long that the others come meanwhile, on a machine that does much else, too.
            await asyncio.sleep(0.5)
            return await proceed(request)

    server.rest_fault = fault
