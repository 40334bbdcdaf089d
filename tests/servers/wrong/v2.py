"""Servers that answer V2 inference requests in a wrong way."""

from __future__ import annotations

from typing import Any

from tests.servers.http import Answer, Handler, Request
from tests.servers.running import RightServer
from tests.servers.wrong.faults import breaks, change_answers, change_documents
from tests.servers.wrong.v2_faults import (
    INFER,
    Document,
    change_bodies,
    change_inputs,
    change_outputs,
    document_of,
    fail_where,
    inputs_of,
)


@breaks("V2-INFER-001")
def answers_with_the_bare_outputs(server: RightServer) -> None:
    """Gives what the model returned, without the members around it."""
    change_documents(server, INFER, lambda told: told["outputs"])


@breaks("V2-INFER-001")
def answers_with_outputs_by_name(server: RightServer) -> None:
    """Gives the data of each output by its name."""

    def by_name(told: Document) -> None:
        told["outputs"] = {each["name"]: each["data"] for each in told["outputs"]}

    change_documents(server, INFER, by_name)


@breaks("V2-INFER-001")
def answers_without_outputs(server: RightServer) -> None:
    """Loses what the model returned."""
    change_documents(server, INFER, lambda told: told["outputs"].clear())


@breaks("V2-INFER-001")
def leaves_the_datatype_out(server: RightServer) -> None:
    """Leaves it to the client to know the datatypes."""
    change_outputs(server, lambda output: output.pop("datatype"))


@breaks("V2-INFER-001")
def writes_a_single_element_bare(server: RightServer) -> None:
    """Has data that are no list."""
    change_outputs(server, lambda output: output.update(data=output["data"][0]))


@breaks("V2-INFER-002")
def tells_its_backends_name(server: RightServer) -> None:
    """Hands on the name by which a server behind knows the model."""
    change_documents(server, INFER, lambda told: told.update(model_name="model-7f9c4"))


@breaks("V2-INFER-003")
def has_null_for_what_it_has_not(server: RightServer) -> None:
    """Writes unset members, as KServe's SDK."""
    change_documents(server, INFER, lambda told: told.update(model_version=None))


@breaks("V2-INFER-003")
def has_null_in_its_outputs(server: RightServer) -> None:
    """Writes unset members of the outputs only."""
    change_outputs(server, lambda output: output.update(parameters=None))


@breaks("V2-INFER-004", "V2-INFER-005")
def makes_an_id_of_its_own(server: RightServer) -> None:
    """Answers with the id by which the request is known inside."""
    change_documents(server, INFER, lambda told: told.update(id="6f7c1d"))


@breaks("V2-INFER-004", "V2-INFER-005")
def drops_the_id(server: RightServer) -> None:
    """Doesn't hand the id to the model, as KServe's SDK 0.10."""
    change_documents(server, INFER, lambda told: told.pop("id", None) and None)


@breaks("V2-INFER-005")
def puts_the_id_in_a_header(server: RightServer) -> None:
    """Fails on an id that a header field can't hold, as MLServer."""

    def holds(request: Request) -> bool:
        identifier = (document_of(request) or {}).get("id", "")
        return any(ord(letter) > 255 for letter in identifier)

    fail_where(server, holds)


@breaks("V2-INFER-005")
def writes_the_id_in_ascii(server: RightServer) -> None:
    """Puts a question mark where ASCII has no letter."""

    def replace(told: Document) -> None:
        if "id" in told:
            told["id"] = told["id"].encode("ascii", "replace").decode()

    change_documents(server, INFER, replace)


@breaks("V2-INFER-006")
def copies_an_absent_id(server: RightServer) -> None:
    """Fails to write an id of None, as KServe's SDK from 0.10."""
    fail_where(server, lambda request: "id" not in (document_of(request) or {}))


@breaks("V2-INFER-006")
def numbers_its_answers(server: RightServer) -> None:
    """Makes an id that is a number."""
    change_documents(server, INFER, lambda told: told.setdefault("id", 1) and None)


@breaks("V2-INFER-007")
def has_one_output(server: RightServer) -> None:
    """Drops all outputs but the first."""

    def first(told: Document) -> None:
        del told["outputs"][1:]

    change_documents(server, INFER, first)


@breaks("V2-INFER-007", "V2-INFER-008")
def reads_one_input(server: RightServer) -> None:
    """Asks the model with the first input only."""

    def first(body: Any) -> None:
        del body["inputs"][1:]

    change_bodies(server, first)


@breaks("V2-INFER-008")
def sorts_the_names_of_inputs(server: RightServer) -> None:
    """Pairs names with tensors by their order."""

    def sort(body: Any) -> None:
        names = sorted(each["name"] for each in body["inputs"])
        for each, name in zip(body["inputs"], names, strict=True):
            each["name"] = name

    change_bodies(server, sort)


@breaks("V2-INFER-008")
def takes_all_inputs_for_one_datatype(server: RightServer) -> None:
    """Stacks the inputs in one array."""

    def one(told: Document) -> None:
        for each in told["outputs"]:
            each["datatype"] = told["outputs"][0]["datatype"]

    change_documents(server, INFER, one)


@breaks("V2-INFER-009")
def gives_its_first_output(server: RightServer) -> None:
    """Answers any request for outputs with the first one."""

    def first(body: Any) -> None:
        if body.get("outputs"):
            body["outputs"] = [{"name": body["inputs"][0]["name"]}]

    change_bodies(server, first)


@breaks("V2-INFER-009")
def finds_no_requested_output(server: RightServer) -> None:
    """Compares names with what it wasn't told."""
    fail_where(server, lambda request: b'"outputs"' in request.body, Answer.error(400, "unknown"))


@breaks("V2-INFER-010", "V2-INFER-011")
def reads_no_requested_outputs(server: RightServer) -> None:
    """Gives all outputs whatever is asked for."""
    change_bodies(server, lambda body: body.pop("outputs", None) and None)


@breaks("V2-INFER-011")
def fails_on_an_unknown_output(server: RightServer) -> None:
    """Looks an output up without a default."""
    fail_where(server, lambda request: b"no_such_output" in request.body)


@breaks("V2-INFER-012")
def filters_by_an_empty_list(server: RightServer) -> None:
    """Gives nothing where nothing is named."""

    def fault(request: Request, answer: Answer) -> Answer | None:
        if (document_of(request) or {}).get("outputs") == []:
            return answer.put({**answer.document(), "outputs": []})
        return None

    change_answers(server, INFER, fault)


@breaks("V2-INFER-013")
def takes_parameters_for_arguments(server: RightServer) -> None:
    """Fails on a parameter of the request that the model has no argument for."""
    fail_where(server, lambda request: (document_of(request) or {}).get("parameters"))


@breaks("V2-INFER-013")
def has_no_parameters_of_inputs(server: RightServer) -> None:
    """Refuses inputs with parameters."""
    _refuse_where(server, lambda body: any(each.get("parameters") for each in inputs_of(body)))


@breaks("V2-INFER-013")
def has_no_parameters_of_outputs(server: RightServer) -> None:
    """Refuses requested outputs with parameters."""
    _refuse_where(server, lambda body: any(each.get("parameters") for each in body["outputs"]))


@breaks("V2-INFER-014")
def passes_parameters_on(server: RightServer) -> None:
    """Doesn't look at parameters."""

    def drop(body: Any) -> None:
        for each in (body, *inputs_of(body)):
            each.pop("parameters", None)

    change_bodies(server, drop)


@breaks("V2-INFER-014")
def takes_null_for_no_parameter(server: RightServer) -> None:
    """Leaves out parameters that are null."""

    def leave_out(body: Any) -> None:
        named = body.get("parameters", {})
        body["parameters"] = {key: each for key, each in named.items() if each is not None}

    change_bodies(server, leave_out)


@breaks("V2-INFER-014")
def looks_at_parameters_of_the_request_only(server: RightServer) -> None:
    """Passes the parameters of inputs on."""
    change_inputs(server, lambda sent: sent.pop("parameters", None))


@breaks("V2-INFER-015")
def has_a_closed_schema(server: RightServer) -> None:
    """Refuses what it doesn't know of a request."""
    _refuse_where(server, lambda body: "conformance" in body)


@breaks("V2-INFER-015")
def has_a_closed_schema_of_inputs(server: RightServer) -> None:
    """Refuses what it doesn't know of an input."""
    _refuse_where(server, lambda body: "conformance" in body["inputs"][0])


@breaks("V2-INFER-015")
def lets_the_body_choose_the_model(server: RightServer) -> None:
    """Reads the body into a message that has the model's name."""

    async def fault(request: Request, proceed: Handler) -> Answer:
        body = document_of(request)
        if request.path.endswith(INFER) and isinstance(body, dict) and "model_name" in body:
            request.path = f"/v2/models/{body['model_name']}{INFER}"
        return await proceed(request)

    server.rest_fault = fault


@breaks("V2-INFER-016")
def looks_for_a_member_in_the_text(server: RightServer) -> None:
    """Refuses a body in which it can't see the inputs."""
    told = Answer.error(400, "there are no inputs")
    fail_where(server, lambda request: b'"inputs": ' not in request.body, told)


@breaks("V2-INFER-016")
def tells_json_by_its_first_byte(server: RightServer) -> None:
    """Takes white space for the start of another format."""
    told = Answer.error(400, "this is no JSON")
    fail_where(server, lambda request: request.body[:1] != b"{", told)


@breaks("V2-INFER-017")
def keeps_answers_by_id(server: RightServer) -> None:
    """Answers a request again that it thinks it knows."""
    kept: dict[str, Answer] = {}

    def fault(request: Request, answer: Answer) -> Answer:
        return kept.setdefault((document_of(request) or {}).get("id", ""), answer)

    change_answers(server, INFER, fault)


@breaks("V2-INFER-017")
def gathers_outputs(server: RightServer) -> None:
    """Doesn't empty the list of outputs for the next request."""
    gathered: list[Any] = []

    def gather(told: Document) -> None:
        gathered.extend(told["outputs"])
        told["outputs"] = gathered

    change_documents(server, INFER, gather)


@breaks("V2-EQUAL-001")
def rounds_in_v2(server: RightServer) -> None:
    """Holds the integers of V2 as doubles, and those of V1 as they are."""

    def read(sent: Document) -> None:
        if "INT" in sent["datatype"]:
            sent["data"] = [int(float(each)) for each in sent["data"]]

    change_inputs(server, read)


@breaks("V2-EQUAL-001")
def has_other_text_in_v1(server: RightServer) -> None:
    """Reads the text of V1 in another encoding."""

    def fault(_: Request, answer: Answer) -> None:
        answer.body = answer.body.replace("é".encode(), "Ã©".encode())

    change_answers(server, ":predict", fault)


def _refuse_where(server: RightServer, holds: Any) -> None:
    def fault(request: Request) -> bool:
        body = document_of(request)
        try:
            return bool(holds(body))
        except (KeyError, TypeError, IndexError):
            return False

    fail_where(server, fault, Answer.error(422, "extra inputs are not permitted"))
