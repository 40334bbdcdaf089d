"""Servers that tell of themselves and of their models in a wrong way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
from tritonclient.grpc import service_pb2 as messages

from tests.servers.grpc_service import Ended
from tests.servers.http import Answer, Request
from tests.servers.running import RightServer
from tests.servers.state import MODEL, NOT_READY
from tests.servers.wrong.faults import (
    answer_failures,
    breaks,
    change_answers,
    change_calls,
    change_documents,
)
from tests.servers.wrong.grpc_faults import fail_calls

_DESCRIPTION = f"/v2/models/{MODEL}"
_INPUT = {"name": "returned", "datatype": "FP32", "shape": [-1, 2]}


def _describe_input(server: RightServer, **members: Any) -> None:
    """Add an input to the metadata of the model, with other members."""
    change_documents(server, _DESCRIPTION, lambda told: told["inputs"].append(_INPUT | members))


def _describe_input_over_grpc(server: RightServer, **members: Any) -> None:
    """Do the same over gRPC."""

    def add(_: Any, answer: Any) -> None:
        answer.inputs.add(**(_INPUT | members))

    change_calls(server, "ModelMetadata", add)


def _describe_unknown(server: RightServer, end: Callable[[Any, Ended], Any]) -> None:
    """End ModelMetadata in another way where it ended with a status."""

    def fault(name: str, request: Any, proceed: Callable[[Any], Any]) -> Any:
        try:
            return proceed(request)
        except Ended as ended:
            if name == "ModelMetadata":
                return end(request, ended)
            raise

    server.grpc_fault = fault


# ------------------------------------------------------------ the server, V2


@breaks("V2-META-001")
def hides_its_extensions(server: RightServer) -> None:
    """Has no list of extensions."""
    change_documents(server, "/v2", lambda told: told.pop("extensions", None) and None)


@breaks("V2-META-001")
def misspells_its_extensions(server: RightServer) -> None:
    """Has a list of extenstions, as TorchServe."""

    def misspell(told: Any) -> None:
        told["extenstions"] = told.pop("extensions", [])

    change_documents(server, "/v2", misspell)


@breaks("V2-META-001")
def has_a_number_for_a_version(server: RightServer) -> None:
    """Writes its version as a number."""
    change_documents(server, "/v2", lambda told: {**told, "version": 2.73})


@breaks("V2-META-001", "V2-META-004", "GRPC-META-006", "GRPC-META-007")
def has_no_metadata(server: RightServer) -> None:
    """Has neither route, as KServe's SDK before 0.10."""

    def fault(request: Request, _: Answer) -> Answer | None:
        gone = request.path in ("/v2", _DESCRIPTION)
        return Answer.of({"detail": "Not Found"}, 404) if gone else None

    change_answers(server, "/v2", fault)


@breaks("V2-META-002")
def lists_a_repository_without_index(server: RightServer) -> None:
    """Has load and unload only, as KServe's SDK."""
    not_found = Answer.of({"detail": "Not Found"}, 404)
    change_answers(server, "/repository/index", lambda *_: not_found)


@breaks("V2-META-002")
def lists_binary_data_that_it_has_not(server: RightServer) -> None:
    """Refuses a request for binary data, as a server that calls the model itself does."""
    answer = Answer.error(400, "binary data can't be answered")
    change_answers(server, "/infer", lambda *_: answer)


@breaks("V2-META-003")
def lists_no_extension(server: RightServer) -> None:
    """Has an empty list, as MLServer, which has the repository."""
    change_documents(server, "/v2", lambda told: {**told, "extensions": []})


@breaks("V2-META-003")
def lists_its_repository_only(server: RightServer) -> None:
    """Forgets binary data, as KServe's SDK from 0.14."""
    listed = ["model_repository_extension"]
    change_documents(server, "/v2", lambda told: {**told, "extensions": listed})


# ------------------------------------------------------------ a model, V2


@breaks("V2-META-004", "V2-META-009")
def calls_models_by_other_names(server: RightServer) -> None:
    """Tells the name that the model has in its archive, and has one version of it."""
    told = Answer.of({"name": "model", "platform": "", "inputs": [], "outputs": []})
    change_answers(server, _DESCRIPTION, lambda *_: told)


@breaks("V2-META-004")
def has_no_platform(server: RightServer) -> None:
    """Writes null where nobody said what the platform is."""
    change_documents(server, _DESCRIPTION, lambda told: {**told, "platform": None})


@breaks("V2-META-005")
def has_null_for_inputs(server: RightServer) -> None:
    """Writes null where the model doesn't describe its inputs."""
    change_documents(server, _DESCRIPTION, lambda told: {**told, "inputs": None})


@breaks("V2-META-005")
def describes_tensors_by_name_only(server: RightServer) -> None:
    """Lists the names of the tensors."""
    change_documents(server, _DESCRIPTION, lambda told: {**told, "outputs": ["returned"]})


@breaks("V2-META-005", "GRPC-META-007")
def has_the_frameworks_datatypes(server: RightServer) -> None:
    """Writes the name that numpy has, and says nothing of inputs over gRPC."""
    _describe_input(server, datatype="float32")


@breaks("V2-META-005")
def has_null_for_what_varies(server: RightServer) -> None:
    """Writes the shape as the framework does."""
    _describe_input(server, shape=[None, 2])


@breaks("V2-META-005")
def has_other_signs_for_what_varies(server: RightServer) -> None:
    """Writes the name of a dimension in its place, as ONNX does."""
    _describe_input(server, shape=["batch", 2])


@breaks("V2-META-005")
def leaves_shapes_out(server: RightServer) -> None:
    """Has no shape where it isn't known."""

    def change(told: Any) -> None:
        told["outputs"].append({"name": "returned", "datatype": "FP32"})

    change_documents(server, _DESCRIPTION, change)


@breaks("V2-META-006")
def has_null_for_versions(server: RightServer) -> None:
    """Writes None as null, as KServe's SDK."""
    change_documents(server, _DESCRIPTION, lambda told: {**told, "versions": None})


@breaks("V2-META-006", "GRPC-META-007")
def numbers_its_versions(server: RightServer) -> None:
    """Writes versions as numbers, and has none over gRPC."""
    change_documents(server, _DESCRIPTION, lambda told: {**told, "versions": [1]})


@breaks("V2-META-007")
def fails_on_an_unknown_model(server: RightServer) -> None:
    """Raises KeyError."""
    answer_failures(server, "/v2/models/", 404, Answer.error(500, "KeyError"))


@breaks("V2-META-007")
def describes_any_model(server: RightServer) -> None:
    """Puts the name that was asked for into its answer."""
    told = {"name": "conformance-no-such-model", "platform": "", "inputs": [], "outputs": []}
    answer_failures(server, "/v2/models/", 404, Answer.of(told))


@breaks("V2-META-007")
def leaves_failures_to_the_framework(server: RightServer) -> None:
    """Says detail in place of error."""

    def fault(_: Request, answer: Answer) -> None:
        if answer.status >= 400:
            answer.put({"detail": "Not Found"})

    change_answers(server, "/v2/models/", fault)


@breaks("V2-META-008")
def describes_what_is_ready(server: RightServer) -> None:
    """Looks for the model among those that are loaded, as Triton."""
    loading = Answer.error(400, "the model has no available versions")
    change_answers(server, f"/v2/models/{NOT_READY}", lambda *_: loading)


# ------------------------------------------------------------ gRPC


@breaks("GRPC-META-001", "GRPC-META-002", "GRPC-META-003", "GRPC-META-006", "GRPC-META-007")
def has_no_metadata_over_grpc(server: RightServer) -> None:
    """Has the calls for health and inference only."""
    calls = ("ServerMetadata", "ModelMetadata")
    fail_calls(server, grpc.StatusCode.UNIMPLEMENTED, "Method not found!", *calls)


@breaks("GRPC-META-001", "GRPC-META-006")
def has_no_version(server: RightServer) -> None:
    """Leaves out what isn't set."""
    change_calls(server, "ServerMetadata", lambda _, answer: answer.ClearField("version"))


@breaks("GRPC-META-001")
def has_no_name(server: RightServer) -> None:
    """Tells its extensions only."""
    change_calls(server, "ServerMetadata", lambda _, answer: answer.ClearField("name"))


@breaks("GRPC-META-006")
def has_another_version_over_grpc(server: RightServer) -> None:
    """Tells the version of its library."""

    def change(_: Any, answer: Any) -> None:
        answer.version = "2.73.0"

    change_calls(server, "ServerMetadata", change)


@breaks("GRPC-META-002", "GRPC-META-004", "GRPC-META-005", "GRPC-META-007")
def answers_empty_metadata(server: RightServer) -> None:
    """Answers a message of defaults, whatever it is asked about."""

    def fault(name: str, request: Any, proceed: Callable[[Any], Any]) -> Any:
        return messages.ModelMetadataResponse() if name == "ModelMetadata" else proceed(request)

    server.grpc_fault = fault


@breaks("GRPC-META-003", "GRPC-META-007")
def has_the_datatypes_of_its_configuration(server: RightServer) -> None:
    """Writes them with a prefix, and says nothing of inputs over REST."""
    _describe_input_over_grpc(server, datatype="TYPE_FP32")


@breaks("GRPC-META-003")
def has_a_shape_below_minus_one(server: RightServer) -> None:
    """Writes the smallest number for what varies."""
    _describe_input_over_grpc(server, shape=[-(2**63), 2])


@breaks("GRPC-META-003")
def has_tensors_without_a_name(server: RightServer) -> None:
    """Has datatypes and shapes only."""
    _describe_input_over_grpc(server, name="")


@breaks("GRPC-META-007")
def describes_inputs_over_grpc_only(server: RightServer) -> None:
    """Says nothing of them over REST."""
    _describe_input_over_grpc(server)


@breaks("GRPC-META-004", "GRPC-META-005")
def gives_back_any_name(server: RightServer) -> None:
    """Doesn't look whether there is such a model."""
    _describe_unknown(server, lambda request, _: messages.ModelMetadataResponse(name=request.name))


@breaks("GRPC-META-005")
def raises_on_an_unknown_model(server: RightServer) -> None:
    """Leaves the exception to gRPC, as KServe's SDK before 0.15."""

    def end(_: Any, ended: Ended) -> Any:
        raise Ended(grpc.StatusCode.UNKNOWN, ended.details)

    _describe_unknown(server, end)
