"""What faults of V2 inference are made of: the documents of requests, and tensors in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from tests.servers import state
from tests.servers.http import Answer, Request
from tests.servers.running import RightServer
from tests.servers.wrong.faults import change_answers, change_documents, change_requests

INFER = "/infer"
FAILED = Answer.error(500, "KeyError : 'inputs'")

Document = dict[str, Any]


def document_of(request: Request) -> Any:
    """Give the JSON of a request as Python's json reads it, None where there is none."""
    try:
        return json.loads(request.body)
    except (ValueError, RecursionError):
        return None


def inputs_of(document: Any) -> list[Document]:
    """Give the inputs of a document that are objects; it may be of any form."""
    inputs = document.get("inputs") if isinstance(document, dict) else None
    return [each for each in inputs if isinstance(each, dict)] if isinstance(inputs, list) else []


def change_bodies(server: RightServer, change: Callable[[Any], Any]) -> None:
    """Change the documents of inference requests before they are read, in place or not."""

    def fault(request: Request) -> None:
        document = document_of(request)
        if document is not None:
            changed = change(document)
            request.body = json.dumps(document if changed is None else changed).encode()

    change_requests(server, INFER, fault)


def change_inputs(server: RightServer, change: Callable[[Document], object]) -> None:
    """Change each input of inference requests before it is read, in place."""

    def each_of(document: Any) -> None:
        for each in inputs_of(document):
            change(each)

    change_bodies(server, each_of)


def change_outputs(server: RightServer, change: Callable[[Document], object]) -> None:
    """Change each output of the answers in place."""

    def each_of(told: Document) -> None:
        for each in told["outputs"]:
            change(each)

    change_documents(server, INFER, each_of)


def change_elements(server: RightServer, datatypes: str, change: Callable[[Any], Any]) -> None:
    """Change the elements of the outputs of some datatypes, named in one text."""

    def apply(output: Document) -> None:
        if output["datatype"] in datatypes.split():
            output["data"] = [change(each) for each in output["data"]]

    change_outputs(server, apply)


def read_elements(server: RightServer, datatypes: str, read: Callable[[Any], Any]) -> None:
    """Change the elements of flat inputs of some datatypes before they are checked."""

    def apply(sent: Document) -> None:
        if sent.get("datatype") in datatypes.split():
            sent["data"] = [read(each) for each in sent["data"]]

    change_inputs(server, apply)


def fail_where(
    server: RightServer, holds: Callable[[Request], Any], answer: Answer = FAILED
) -> None:
    """Answer requests of which something holds with a failure, or with another answer."""
    change_answers(server, INFER, lambda request, _: answer if holds(request) else None)


def echo_where(server: RightServer, holds: Callable[[Document], Any]) -> None:
    """Give inputs of which something holds back as they came, in place of refusing them."""

    def fault(request: Request, answer: Answer) -> Answer | None:
        inputs = inputs_of(document_of(request))
        if answer.status < 400 or not any(holds(each) for each in inputs):
            return None
        return answer_with(inputs)

    change_answers(server, INFER, fault)


def answer_with(outputs: Iterable[Document]) -> Answer:
    """Answer with outputs, which may hold what is no JSON."""
    return Answer.of({}).put({"model_name": state.MODEL, "outputs": list(outputs)})
