"""ModelInfer over gRPC: what is answered, what is refused, and how."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tritonclient.grpc import service_pb2

from kserve_conformance import expect, round_trip, tensors
from kserve_conformance.asking.grpc_client import SERVICE, CallFailed
from kserve_conformance.asking.server import Server
from kserve_conformance.checks import grpc_answers
from kserve_conformance.checks.refusals import UNKNOWN_MODEL, UNKNOWN_VERSION
from kserve_conformance.checks.registry import check, check_each
from kserve_conformance.expect import Departure
from kserve_conformance.results.verdict import Unsupported
from kserve_conformance.tensors import returned, tensor

_CALLS = ("ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer")
# BF16 is in the .proto's comments, though not in the table of datatypes.
_NAMES_OF_DATATYPES = (*tensors.DATATYPES, "BF16")
_NO_OUTPUT = "conformance_no_such_output"
_LARGE = 3 * 1024 * 1024
_SECRET = "conformance-7f3b"
_SECRETS = {"authorization": f"Bearer {_SECRET}", "x-conformance": _SECRET}
_INSIDE = re.compile(
    r'Traceback \(most recent|File "[^"]+", line \d|https?://|'
    r"\b(?:localhost|\d{1,3}(?:\.\d{1,3}){3}):\d+"
)


@check("GRPC-INFER-001")
def the_service_has_its_six_calls(server: Server) -> None:
    server.call("ServerLive")
    for name in _CALLS:
        code = _end_of(server, f"/{SERVICE}/{name}")
        expect.that(code != "UNIMPLEMENTED", f"{SERVICE} has no call {name}: it is UNIMPLEMENTED")


@check("GRPC-INFER-002")
def other_calls_are_unimplemented(server: Server) -> None:
    for method in (f"/{SERVICE}/ConformanceNoSuchCall", "/conformance.NoSuchService/ModelInfer"):
        expect.equal(_end_of(server, method), "UNIMPLEMENTED", f"how {method} ended")


@check("GRPC-INFER-003")
def the_answer_names_the_model_and_its_outputs(server: Server) -> None:
    answer = server.infer_grpc(server.grpc_sample())
    expect.equal(answer.model_name, server.model, "model_name")
    grpc_answers.expect_outputs(answer)
    for index, output in enumerate(answer.outputs):
        expect.that(output.name != "", f"output {index} has no name")
        expect.one_of(output.datatype, _NAMES_OF_DATATYPES, f"the datatype of {output.name}")


@check_each({"GRPC-INFER-004": "conformance 4/7", "GRPC-INFER-005": "é漢 \U0001f600"})
def the_id_comes_back(server: Server, identifier: str) -> None:
    request = server.grpc_sample()
    request.id = identifier
    expect.equal(server.infer_grpc(request).id, identifier, "id")


@check("GRPC-INFER-006")
def a_request_needs_no_id(server: Server) -> None:
    request = server.grpc_sample()
    request.ClearField("id")
    grpc_answers.expect_outputs(server.infer_grpc(request))


@check("GRPC-INFER-007", Server.need_contract_v2)
def all_inputs_and_outputs_are_handed_on(server: Server) -> None:
    sent = [
        returned("INT32", [2], [1, -2], "b"),
        returned("INT64", [1], [3], "a"),
        returned("FP64", [1], [0.5], "c"),
    ]
    request = tensors.request(server.model, {"inputs": sent})
    came = grpc_answers.outputs(server.infer_grpc(request))
    expect.equal(came, {each["name"]: each for each in sent}, "the outputs")


@check("GRPC-INFER-008", Server.need_contract_v2)
def just_the_requested_outputs_come_back(server: Server) -> None:
    sent = [returned("INT32", [1], [at], which) for at, which in enumerate("abc", 1)]
    wanted = {each["name"]: each for each in (sent[0], sent[2])}
    body = {"inputs": sent, "outputs": [{"name": name} for name in wanted]}
    answer = server.infer_grpc(tensors.request(server.model, body))
    expect.equal(grpc_answers.outputs(answer), wanted, "the outputs")


@check("GRPC-INFER-009")
def an_unknown_output_is_refused(server: Server) -> None:
    request = server.grpc_sample()
    request.outputs.add(name=_NO_OUTPUT)
    server.refused("ModelInfer", request)


@check("GRPC-INFER-010")
def an_unknown_version_is_not_answered_by_another(server: Server) -> None:
    request = server.grpc_sample()
    # Were this not answered, that the next isn't would say nothing of versions.
    server.infer_grpc(request)
    request.model_version = UNKNOWN_VERSION
    server.refused("ModelInfer", request)


@check_each({"GRPC-INFER-011": lambda _: UNKNOWN_MODEL, "GRPC-INFER-013": Server.not_ready_model})
def a_model_that_is_unknown_or_not_ready_is_an_error(
    server: Server, name: Callable[[Server], str]
) -> None:
    server.refused("ModelInfer", _for_model(server, name(server)))


@check("GRPC-INFER-012")
def an_unknown_model_is_not_found(server: Server) -> None:
    server.refused("ModelInfer", _for_model(server, UNKNOWN_MODEL), "NOT_FOUND")
    server.refused("ModelInfer", _for_model(server, ""), "NOT_FOUND", "INVALID_ARGUMENT")


@check("GRPC-INFER-014")
def a_request_without_inputs_is_refused(server: Server) -> None:
    request = server.grpc_sample()
    del request.inputs[:]
    del request.raw_input_contents[:]
    server.refused("ModelInfer", request)


@check("GRPC-INFER-015")
def unknown_parameters_are_accepted(server: Server) -> None:
    request = server.grpc_sample()
    for holder in (request, request.inputs[0]):
        holder.parameters["conformance_flag"].bool_param = True
        holder.parameters["conformance_number"].int64_param = 2**53 + 1
        holder.parameters["conformance_text"].string_param = "é"
    grpc_answers.expect_outputs(server.infer_grpc(request))


@check("GRPC-INFER-016")
def bytes_that_are_no_message_are_survived(server: Server) -> None:
    method = f"/{SERVICE}/ModelInfer"
    # A tag of no field, and a string that ends after its length.
    for message in (b"\xff" * 16, b"\x0a\x7fcut"):
        code = _end_of(server, method, message)
        expect.that(code != "OK", f"{message!r} is no ModelInferRequest, yet it was answered")
    expect.that(server.call("ServerLive").live, "the server isn't live any more")


@check("GRPC-INFER-017", Server.need_contract_v2)
def a_large_message_is_answered(server: Server) -> None:
    sent = returned("BYTES", [1], ["a" * _LARGE])
    answer = server.infer_grpc(tensors.request(server.model, {"inputs": [sent]}))
    lengths = [len(each) for each in grpc_answers.byte_elements(answer)]
    expect.equal(lengths, [_LARGE], "the lengths of the elements")


@check_each({"GRPC-INFER-018": (), "GRPC-INFER-019": ("INTERNAL", "UNKNOWN")})
def a_failing_model_is_an_error(server: Server, codes: tuple[str, ...]) -> None:
    server.refused("ModelInfer", _for_failure(server), *codes)


@check("GRPC-INFER-020")
def a_failing_model_tells_nothing_of_the_inside(server: Server) -> None:
    details = server.refused("ModelInfer", _for_failure(server)).details
    if told := _INSIDE.search(details):
        shown = expect.shortened(details, 300)
        raise Departure(f"the status message tells of the inside ({told.group()!r}): {shown}")


@check("GRPC-INFER-021")
def numbers_of_either_kind_are_parameters(server: Server) -> None:
    for name, value in (("double_param", 0.5), ("uint64_param", 2**64 - 1)):
        request = server.grpc_sample()
        for holder in (request, request.inputs[0]):
            setattr(holder.parameters["conformance_number"], name, value)
        grpc_answers.expect_outputs(server.infer_grpc(request))


@check("GRPC-INFER-022")
def a_listed_version_is_inferred_with(server: Server) -> None:
    request = server.grpc_sample()
    request.model_version = server.version()
    answer = server.infer_grpc(request)
    grpc_answers.expect_outputs(answer)
    told = answer.model_version or request.model_version
    expect.equal(told, request.model_version, "model_version")


@check("GRPC-INFER-023")
def a_version_of_an_unknown_model_is_not_found(server: Server) -> None:
    request = _for_model(server, UNKNOWN_MODEL)
    request.model_version = UNKNOWN_VERSION
    asked = {"name": UNKNOWN_MODEL, "version": UNKNOWN_VERSION}
    server.refused("ModelInfer", request, "NOT_FOUND")
    server.refused("ModelReady", service_pb2.ModelReadyRequest(**asked), "NOT_FOUND")
    server.refused("ModelMetadata", service_pb2.ModelMetadataRequest(**asked), "NOT_FOUND")


@check("GRPC-INFER-024")
def an_output_that_is_named_twice_comes_once(server: Server) -> None:
    request = server.grpc_sample()
    answer = server.infer_grpc(request)
    grpc_answers.expect_outputs(answer)
    name = answer.outputs[0].name
    del request.outputs[:]
    for _ in range(2):
        request.outputs.add(name=name)
    try:
        came = [each.name for each in server.infer_grpc(request).outputs]
    except CallFailed as error:
        if error.code == "UNAVAILABLE" or error.is_no_answer:
            raise
        return
    expect.equal(came.count(name), 1, f"how often the output {name} comes")


@check("GRPC-INFER-025")
def an_input_is_there_once(server: Server) -> None:
    sample = server.v2_sample()
    twice = {**sample, "inputs": [sample["inputs"][0], *sample["inputs"]]}
    server.refused("ModelInfer", tensors.any_request(server.model, twice))


@check("GRPC-INFER-026")
def metadata_are_not_reflected(server: Server) -> None:
    for request in (server.grpc_sample(), _for_model(server, UNKNOWN_MODEL)):
        for name, value in server.told_beside("ModelInfer", request, _SECRETS).items():
            told = value.decode("latin-1") if isinstance(value, bytes) else value
            expect.that(_SECRET not in told, f"metadata of the call are back as {name}")


@check("GRPC-EQUAL-001", Server.need_v2_rest)
def the_transports_agree(server: Server) -> None:
    body = server.v2_sample()
    rest = _by_rest(server, body)
    if _by_rest(server, body) != rest:
        raise Unsupported("the model answers the same request with other tensors each time")
    typed = grpc_answers.outputs(server.infer_grpc(server.grpc_sample()))
    raw = grpc_answers.outputs(server.infer_grpc(tensors.raw_request(server.model, body)))
    expect.equal(_as_bytes(typed), rest, "the tensors over gRPC with typed contents, as bytes")
    expect.equal(_as_bytes(raw), rest, "the tensors over gRPC with raw contents, as bytes")


@check("GRPC-EQUAL-002", Server.need_v2_rest)
def the_parameters_of_answers_agree(server: Server) -> None:
    told = server.infer(server.v2_sample()).success()
    with expect.reading("the V2 answer"):
        by_rest = {each["name"]: each.get("parameters") or {} for each in told["outputs"]}
        of_rest = told.get("parameters") or {}
    answer = server.infer_grpc(server.grpc_sample())
    by_grpc = {each.name: _simple(each.parameters) for each in answer.outputs}
    of_grpc = _simple(answer.parameters)
    if not round_trip.same_json([of_grpc, by_grpc], [of_rest, by_rest]):
        what = "the parameters of the answer over gRPC, and of its outputs, against REST"
        expect.equal([of_grpc, by_grpc], [of_rest, by_rest], what)


def _simple(parameters: Any) -> dict[str, Any]:
    """Give parameters of a message as V2 REST has them."""
    with expect.reading("a parameter of the answer of ModelInfer"):
        return {
            name: getattr(value, value.WhichOneof("parameter_choice"))
            for name, value in parameters.items()
        }


def _end_of(server: Server, method: str, message: bytes = b"") -> str:
    """Call a method with bytes and give the name of the code that it ended with."""
    try:
        server.call_bytes(method, message)
    except CallFailed as error:
        return error.code
    return "OK"


def _for_model(server: Server, name: str) -> service_pb2.ModelInferRequest:
    request = server.grpc_sample()
    request.model_name = name
    return request


def _for_failure(server: Server) -> service_pb2.ModelInferRequest:
    server.need_contract_v2()
    sent = tensor("raise", "BYTES", [1], ["conformance asked for this"])
    return tensors.request(server.model, {"inputs": [sent]})


def _by_rest(server: Server, body: Any) -> dict[str, Any]:
    told = server.infer(body).success()
    with expect.reading("the V2 answer"):
        return _as_bytes({each["name"]: each for each in tensors.essential(told)})


def _as_bytes(outputs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Give outputs with their data as raw contents: 0.1 is FP32's nearest value in any form."""
    packed = {}
    for name, each in outputs.items():
        try:
            data = tensors.pack(each["datatype"], each["data"]).hex()
        except Exception as error:
            raise Departure(f"{name}: data that are no {each['datatype']}: {error}") from None
        packed[name] = {**each, "data": data}
    return packed
