"""Servers whose ModelInfer answers what it should refuse, or answers in a wrong way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
from tritonclient.grpc import service_pb2 as messages

from tests.servers.grpc_service import Ended
from tests.servers.http import Answer, Request
from tests.servers.running import RightServer
from tests.servers.state import MODEL
from tests.servers.wrong.faults import breaks, change_answers, change_call_requests, change_calls
from tests.servers.wrong.grpc_faults import change_failures, fail_calls, refuse

_EMPTY = messages.ModelInferResponse(model_name=MODEL)
_SMALL_LIMIT = 1024 * 1024


@breaks("GRPC-INFER-001")
def has_a_package_of_its_own(server: RightServer) -> None:
    """Registers its service under another name, as TorchServe."""
    fail_calls(server, grpc.StatusCode.UNIMPLEMENTED, "Method not found!")


@breaks("GRPC-INFER-001")
def has_no_server_metadata(server: RightServer) -> None:
    """Lacks the call that the table of the specification lacks, too."""
    fail_calls(server, grpc.StatusCode.UNIMPLEMENTED, "Method not found!", "ServerMetadata")


@breaks("GRPC-INFER-002")
def answers_unknown_calls(server: RightServer) -> None:
    """Answers any method of any service with nothing."""
    server.raw_grpc_fault = lambda method, _: b"" if "onformance" in method else None


@breaks("GRPC-INFER-003")
def leaves_the_model_name_out(server: RightServer) -> None:
    """Doesn't say which model answered."""
    change_calls(server, "ModelInfer", lambda _, answer: answer.ClearField("model_name"))


@breaks("GRPC-INFER-003")
def names_datatypes_by_numpy(server: RightServer) -> None:
    """Tells the datatype of outputs by numpy's name."""

    def rename(_: Any, answer: Any) -> None:
        for output in answer.outputs:
            output.datatype = output.datatype.lower()

    change_calls(server, "ModelInfer", rename)


@breaks("GRPC-INFER-003", "GRPC-INFER-006", "GRPC-INFER-015")
def answers_without_outputs(server: RightServer) -> None:
    """Answers with an empty message."""
    change_calls(server, "ModelInfer", lambda *_: _EMPTY)


@breaks("GRPC-INFER-004", "GRPC-INFER-005")
def drops_the_id(server: RightServer) -> None:
    """Loses the id, as KServe's SDK 0.10."""
    change_calls(server, "ModelInfer", lambda _, answer: answer.ClearField("id"))


@breaks("GRPC-INFER-005")
def keeps_ascii_of_the_id_only(server: RightServer) -> None:
    """Sends the id through a header."""

    def narrow(_: Any, answer: Any) -> None:
        answer.id = answer.id.encode("ascii", "replace").decode()

    change_calls(server, "ModelInfer", narrow)


@breaks("GRPC-INFER-006")
def needs_an_id(server: RightServer) -> None:
    """Fails without an id."""
    refuse(server, lambda request: not request.id, grpc.StatusCode.INTERNAL)


@breaks("GRPC-INFER-007")
def gives_the_first_output_only(server: RightServer) -> None:
    """Drops all outputs but the first."""

    def cut(_: Any, answer: Any) -> None:
        del answer.outputs[1:]

    change_calls(server, "ModelInfer", cut)


@breaks("GRPC-INFER-007", "GRPC-INFER-008")
def mixes_names_up(server: RightServer) -> None:
    """Takes names in alphabetical order and data in the order of the request."""

    def sort(_: Any, answer: Any) -> None:
        names = sorted((output.name for output in answer.outputs), reverse=True)
        for output, name in zip(answer.outputs, names, strict=True):
            output.name = name

    change_calls(server, "ModelInfer", sort)


@breaks("GRPC-INFER-008", "GRPC-INFER-009")
def ignores_requested_outputs(server: RightServer) -> None:
    """Gives all outputs whatever is requested."""
    change_call_requests(server, "ModelInfer", lambda request: request.ClearField("outputs"))


@breaks("GRPC-INFER-010")
def ignores_the_version(server: RightServer) -> None:
    """Answers for any version."""
    change_call_requests(server, "ModelInfer", lambda request: request.ClearField("model_version"))


@breaks("GRPC-INFER-011", "GRPC-INFER-012")
def answers_for_any_model(server: RightServer) -> None:
    """Ignores the model's name."""

    def name(request: Any) -> None:
        request.model_name = MODEL

    change_call_requests(server, "ModelInfer", name)


@breaks("GRPC-INFER-012")
def does_not_map_unknown_models(server: RightServer) -> None:
    """Ends with UNKNOWN for an unknown model, as KServe's SDK before 0.15."""

    def end(_: Any) -> Any:
        raise Ended(grpc.StatusCode.UNKNOWN, "ModelNotFound")

    change_failures(server, grpc.StatusCode.NOT_FOUND, end)


@breaks("GRPC-INFER-012")
def takes_an_empty_name_for_its_model(server: RightServer) -> None:
    """Answers for its model when no model is named."""

    def name(request: Any) -> None:
        request.model_name = request.model_name or MODEL

    change_call_requests(server, "ModelInfer", name)


@breaks("GRPC-INFER-013")
def answers_while_not_ready(server: RightServer) -> None:
    """Infers with a model that isn't ready, as KServe's SDK."""

    def load(request: Any) -> None:
        if request.model_name in server.state.models:
            server.state.models[request.model_name] = True

    change_call_requests(server, "ModelInfer", load)


@breaks("GRPC-INFER-014")
def answers_no_inputs(server: RightServer) -> None:
    """Answers a request without inputs with no outputs."""

    def fault(_: str, request: Any, proceed: Callable[[Any], Any]) -> Any:
        empty = isinstance(request, messages.ModelInferRequest) and not request.inputs
        return _EMPTY if empty else proceed(request)

    server.grpc_fault = fault


@breaks("GRPC-INFER-015")
def knows_its_own_parameters_only(server: RightServer) -> None:
    """Refuses parameters."""
    refuse(server, lambda request: request.parameters, grpc.StatusCode.INVALID_ARGUMENT)


@breaks("GRPC-INFER-015")
def reads_text_parameters_of_inputs_only(server: RightServer) -> None:
    """Fails at an input's parameter that is no string."""

    def holds_another(request: Any) -> bool:
        values = [value for each in request.inputs for value in each.parameters.values()]
        return any(value.WhichOneof("parameter_choice") != "string_param" for value in values)

    refuse(server, holds_another, grpc.StatusCode.INTERNAL)


@breaks("GRPC-INFER-016")
def takes_garbage_for_an_empty_message(server: RightServer) -> None:
    """Answers what it can't read."""
    server.raw_grpc_fault = lambda _, message: None if _readable(message) else b""


@breaks("GRPC-INFER-016")
def dies_of_garbage(server: RightServer) -> None:
    """Answers nothing any more after a message that it couldn't read."""
    seen: list[bytes] = []

    def watch(_: str, message: bytes) -> None:
        if not _readable(message):
            seen.append(message)

    def fault(_: str, request: Any, proceed: Callable[[Any], Any]) -> Any:
        if seen:
            raise Ended(grpc.StatusCode.UNAVAILABLE, "the server is gone")
        return proceed(request)

    server.raw_grpc_fault = watch
    server.grpc_fault = fault


@breaks("GRPC-INFER-017")
def reads_small_messages_only(server: RightServer) -> None:
    """Reads no more than a megabyte."""
    refuse(
        server,
        lambda request: request.ByteSize() > _SMALL_LIMIT,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    )


@breaks("GRPC-INFER-017")
def cuts_large_elements(server: RightServer) -> None:
    """Answers with the start of what it read."""

    def cut(_: Any, answer: Any) -> None:
        contents = answer.outputs[0].contents
        contents.bytes_contents[0] = contents.bytes_contents[0][:_SMALL_LIMIT]

    change_calls(server, "ModelInfer", cut)


@breaks("GRPC-INFER-018", "GRPC-INFER-019")
def answers_when_the_model_fails(server: RightServer) -> None:
    """Puts an empty answer in place of a failure."""
    change_failures(server, grpc.StatusCode.INTERNAL, lambda _: _EMPTY)


@breaks("GRPC-INFER-019")
def blames_the_request_for_the_model(server: RightServer) -> None:
    """Takes a failure of the model for a fault of the request."""

    def end(_: Any) -> Any:
        raise Ended(grpc.StatusCode.INVALID_ARGUMENT, "can't be answered")

    change_failures(server, grpc.StatusCode.INTERNAL, end)


@breaks("GRPC-INFER-020")
def shows_its_upstream(server: RightServer) -> None:
    """Tells where the model runs, as KServe's SDK when its predictor fails."""

    def end(_: Any) -> Any:
        told = "Server error '500' for url 'http://10.0.0.7:8085/v2/models/contract/infer'"
        raise Ended(grpc.StatusCode.INTERNAL, told)

    change_failures(server, grpc.StatusCode.INTERNAL, end)


@breaks("GRPC-INFER-020")
def shows_its_code(server: RightServer) -> None:
    """Passes the traceback on."""

    def end(_: Any) -> Any:
        told = 'Traceback (most recent call last):\n  File "/srv/model.py", line 7, in predict'
        raise Ended(grpc.StatusCode.INTERNAL, told)

    change_failures(server, grpc.StatusCode.INTERNAL, end)


@breaks("GRPC-EQUAL-001")
def reads_raw_contents_big_endian(server: RightServer) -> None:
    """Turns the bytes of raw contents around."""

    def turn(request: Any) -> None:
        turned = [raw[::-1] for raw in request.raw_input_contents]
        request.raw_input_contents[:] = turned

    change_call_requests(server, "ModelInfer", turn)


@breaks("GRPC-EQUAL-001")
def drops_outputs_over_rest(server: RightServer) -> None:
    """Answers over REST with data that are others than over gRPC."""

    def change(_: Request, answer: Answer) -> Answer:
        document = answer.document()
        for output in document["outputs"] if answer.status == 200 else ():
            output["data"] = output["data"][::-1]
        return answer.put(document)

    change_answers(server, "/infer", change)


def _readable(message: bytes) -> bool:
    try:
        messages.ModelInferRequest.FromString(message)
    except Exception:
        return False
    return True


def _kinds(request: Any) -> set[str | None]:
    holders = (request, *request.inputs)
    values = [value for each in holders for value in each.parameters.values()]
    return {each.WhichOneof("parameter_choice") for each in values}


@breaks("GRPC-INFER-021")
def has_the_messages_of_before(server: RightServer) -> None:
    """Knows three kinds of parameters, as inference_grpc.md and KServe's SDK."""
    newer = {"double_param", "uint64_param"}
    refuse(server, lambda request: _kinds(request) & newer, grpc.StatusCode.UNKNOWN)


@breaks("GRPC-INFER-021")
def holds_integers_as_signed(server: RightServer) -> None:
    """Converts a uint64 to what JSON's integers are to it."""
    refuse(server, lambda request: "uint64_param" in _kinds(request), grpc.StatusCode.INTERNAL)


@breaks("GRPC-INFER-024")
def gives_an_output_as_often_as_it_is_named(server: RightServer) -> None:
    """Runs through the names without a look at those before."""

    def end(request: Any) -> Any:
        answer = messages.ModelInferResponse(model_name=MODEL)
        for each in request.outputs:
            answer.outputs.add(name=each.name, datatype="BYTES", shape=[0])
        return answer

    change_failures(server, grpc.StatusCode.INVALID_ARGUMENT, end)


@breaks("GRPC-EQUAL-002")
def tells_an_encoding_in_its_parameters(server: RightServer) -> None:
    """Has one way to write outputs, which is that of binary data."""

    def change(_: Any, answer: Any) -> None:
        for output in answer.outputs:
            output.parameters["binary_data_size"].int64_param = 8

    change_calls(server, "ModelInfer", change)


@breaks("GRPC-EQUAL-002")
def has_parameters_over_rest_only(server: RightServer) -> None:
    """Leaves them out where they would have to be taken apart by kind."""

    def add(_: Request, answer: Answer) -> None:
        if answer.status == 200:
            answer.put({**answer.document(), "parameters": {"seconds": 0.5}})

    change_answers(server, "/infer", add)


@breaks("GRPC-EQUAL-002")
def has_parameters_without_a_value(server: RightServer) -> None:
    """Sets none of the kinds."""

    def change(_: Any, answer: Any) -> None:
        answer.parameters["seconds"].ClearField("bool_param")

    change_calls(server, "ModelInfer", change)
