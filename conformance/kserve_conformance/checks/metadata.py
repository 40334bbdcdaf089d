"""What servers and models tell of themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tritonclient.grpc import service_pb2

from kserve_conformance import expect
from kserve_conformance.asking import extensions, properties
from kserve_conformance.asking.grpc_client import SERVICE
from kserve_conformance.asking.http_client import Answer
from kserve_conformance.asking.server import Server
from kserve_conformance.checks import refusals, v2_answers, wire
from kserve_conformance.checks.refusals import UNKNOWN_MODEL, UNKNOWN_VERSION
from kserve_conformance.checks.registry import check
from kserve_conformance.checks.v2_answers import NAMES_OF_DATATYPES
from kserve_conformance.expect import Departure
from kserve_conformance.results.verdict import Unsupported

_MODEL = "/v2/models/{}"
_VERSION = "/v2/models/{}/versions/{}"
_LENGTH = "inference-header-content-length"
# Versions that are asked about one by one.
_MOST = 3
# Of an OpenAPI document, those that are asked for.
_MOST_PATHS = 20


# ------------------------------------------------------------ the server, V2


@check("V2-META-001")
def the_server_is_described(server: Server) -> None:
    told = server.get("/v2").success()
    with expect.reading("the server's metadata"):
        expect.that(isinstance(told["name"], str), "the server's name is no text")
        expect.that(isinstance(told["version"], str), "the server's version is no text")
        extensions = told["extensions"]
    expect.that(expect.are_texts(extensions), f"extensions is no list of names: {extensions!r}")


@check("V2-META-002")
def listed_extensions_are_there(server: Server) -> None:
    listed = _listed(server)
    for name, has in _EXTENSIONS.items():
        expect.that(name not in listed or has(server), f"{name} is listed and isn't there")


@check("V2-META-003")
def extensions_that_are_there_are_listed(server: Server) -> None:
    listed = _listed(server)
    for name, has in _EXTENSIONS.items():
        expect.that(name in listed or not has(server), f"{name} is there and isn't listed")


# ------------------------------------------------------------ a model, V2


@check("V2-META-004")
def the_model_is_described(server: Server) -> None:
    _describes(server.get(_MODEL.format(server.model)), server.model)


@check("V2-META-005")
def the_models_tensors_are_described(server: Server) -> None:
    told = server.get(_MODEL.format(server.model)).success()
    with expect.reading("the model's metadata"):
        for member in ("inputs", "outputs"):
            described = told.get(member, [])
            expect.that(isinstance(described, list), f"{member} is no list: {described!r}")
            for each in described:
                _is_tensor(each["name"], each["datatype"], each["shape"])


@check("V2-META-006")
def versions_are_a_list_or_left_out(server: Server) -> None:
    told = server.get(_MODEL.format(server.model)).success()
    with expect.reading("the model's metadata"):
        versions = told.get("versions", [])
    expect.that(expect.are_texts(versions), f"versions is no list of strings: {versions!r}")


@check("V2-META-007")
def an_unknown_model_is_not_described(server: Server) -> None:
    server.get(_MODEL.format(UNKNOWN_MODEL)).error(404, 400)


@check("V2-META-008")
def a_model_that_is_not_ready_is_described(server: Server) -> None:
    name = server.not_ready_model()
    _describes(server.get(_MODEL.format(name)), name)


@check("V2-META-009")
def a_version_is_described_or_refused(server: Server) -> None:
    answer = server.get(f"{_MODEL.format(server.model)}/versions/1")
    if answer.status >= 400:
        refusals.refused_with_error(answer)
    else:
        _describes(answer, server.model)


@check("V2-META-010")
def the_version_that_answers_is_listed(server: Server) -> None:
    told = server.infer(server.v2_sample()).success()
    with expect.reading("the V2 answer"):
        answers = told.get("model_version")
    _is_listed(answers, _versions(server))


@check("V2-META-011")
def listed_versions_are_described(server: Server) -> None:
    for version in _versions(server)[:_MOST]:
        path = _VERSION.format(server.model, wire.quoted(version))
        _describes(server.get(path), server.model)


@check("V2-META-012")
def an_unknown_version_is_not_described(server: Server) -> None:
    refusals.refused_with_error(server.get(_VERSION.format(server.model, UNKNOWN_VERSION)))


@check("V2-META-013")
def properties_are_texts(server: Server) -> None:
    told = server.get(_MODEL.format(server.model)).success()
    with expect.reading("the model's metadata"):
        found = told.get("properties", {})
    expect.that(
        isinstance(found, dict) and expect.are_texts(list(found.values())),
        f"properties is no object of texts: {found!r}",
    )


@check("V2-META-015")
def the_description_is_one(server: Server) -> None:
    told = _description(server)
    with expect.reading("the OpenAPI document"):
        texts = [told["openapi"], told["info"]["title"], told["info"]["version"]]
        expect.that(expect.are_texts(texts), f"a version or the title is no text: {texts!r}")
        expect.that(texts[0].startswith("3."), f"the version of OpenAPI is {texts[0]!r}")
        wrong = [path for path in told["paths"] if not path.startswith("/")]
    expect.that(not wrong, f"paths that begin with no slash: {wrong}")


@check("V2-META-016")
def what_is_described_is_there(server: Server) -> None:
    with expect.reading("the OpenAPI document"):
        paths = [
            path
            for path, item in _description(server)["paths"].items()
            if "get" in item and "{" not in path
        ]
    for path in paths[:_MOST_PATHS]:
        status = server.get(path).status
        expect.that(status not in (404, 405), f"GET {path} is described and answered {status}")


def _description(server: Server) -> Any:
    path = extensions.openapi_path(server)
    expect.that(path is not None, "there is no OpenAPI document")
    assert path is not None
    return server.get(path).success()


@check("GRPC-META-001")
def the_server_is_described_over_grpc(server: Server) -> None:
    told = server.call("ServerMetadata")
    expect.that(told.name != "", "the server's name is empty")
    expect.that(told.version != "", "the server's version is empty")


@check("GRPC-META-002")
def the_model_is_described_over_grpc(server: Server) -> None:
    told = server.call("ModelMetadata", _asking(server.model))
    expect.equal(told.name, server.model, "name")


@check("GRPC-META-003")
def the_models_tensors_are_described_over_grpc(server: Server) -> None:
    told = server.call("ModelMetadata", _asking(server.model))
    for each in (*told.inputs, *told.outputs):
        _is_tensor(each.name, each.datatype, list(each.shape))


@check("GRPC-META-004")
def an_unknown_model_is_not_described_over_grpc(server: Server) -> None:
    server.refused("ModelMetadata", _asking(UNKNOWN_MODEL))


@check("GRPC-META-005")
def an_unknown_model_is_not_found(server: Server) -> None:
    server.refused("ModelMetadata", _asking(UNKNOWN_MODEL), "NOT_FOUND")
    server.refused("ModelMetadata", _asking(""), "NOT_FOUND", "INVALID_ARGUMENT")


@check("GRPC-META-006", Server.need_v2_rest)
def the_server_is_the_same_over_rest_and_grpc(server: Server) -> None:
    rest, grpc = server.get("/v2").success(), server.call("ServerMetadata")
    with expect.reading("the server's metadata"):
        expect.equal(grpc.name, rest["name"], "the server's name over gRPC, against REST")
        expect.equal(grpc.version, rest["version"], "its version over gRPC, against REST")


@check("GRPC-META-007", Server.need_v2_rest)
def the_model_is_the_same_over_rest_and_grpc(server: Server) -> None:
    rest = server.get(_MODEL.format(server.model)).success()
    grpc = server.call("ModelMetadata", _asking(server.model))
    with expect.reading("the model's metadata"):
        for member in ("name", "platform"):
            expect.equal(getattr(grpc, member), rest[member], f"{member} over gRPC, against REST")
        # That a list isn't there and that it is empty is the same to gRPC; null is V2-META-006's.
        versions = rest.get("versions") or []
        expect.equal(list(grpc.versions), versions, "versions over gRPC, against REST")
        for member in ("inputs", "outputs"):
            by_grpc = _essential(map(_of_message, getattr(grpc, member)))
            by_rest = _essential(rest.get(member) or [])
            expect.equal(by_grpc, by_rest, f"{member} over gRPC, against REST")


@check("GRPC-META-008")
def the_version_that_answers_is_listed_over_grpc(server: Server) -> None:
    answers = server.infer_grpc(server.grpc_sample()).model_version
    _is_listed(answers, list(server.call("ModelMetadata", _asking(server.model)).versions))


@check("GRPC-META-009")
def listed_versions_are_described_over_grpc(server: Server) -> None:
    for version in server.call("ModelMetadata", _asking(server.model)).versions[:_MOST]:
        told = server.call("ModelMetadata", _asking(server.model, version))
        expect.equal(told.name, server.model, "name")


@check("GRPC-META-010")
def an_unknown_version_is_not_described_over_grpc(server: Server) -> None:
    server.refused("ModelMetadata", _asking(server.model, UNKNOWN_VERSION))


@check("GRPC-META-011")
def properties_are_texts_over_grpc(server: Server) -> None:
    _properties_by_grpc(server)


@check("GRPC-META-012", Server.need_v2_rest)
def properties_are_the_same_over_rest_and_grpc(server: Server) -> None:
    told = server.get(_MODEL.format(server.model)).success()
    with expect.reading("the model's metadata"):
        by_rest = told.get("properties") or {}
    expect.equal(_properties_by_grpc(server), by_rest, "properties over gRPC, against REST")


def _properties_by_grpc(server: Server) -> dict[str, str]:
    asked = _asking(server.model).SerializeToString()
    return properties.read(server.call_bytes(f"/{SERVICE}/ModelMetadata", asked))


def _asking(name: str, version: str = "") -> service_pb2.ModelMetadataRequest:
    return service_pb2.ModelMetadataRequest(name=name, version=version)


def _versions(server: Server) -> list[str]:
    told = server.get(_MODEL.format(server.model)).success()
    with expect.reading("the model's metadata"):
        versions = told.get("versions") or []
    expect.that(expect.are_texts(versions), f"versions is no list of strings: {versions!r}")
    return list(versions)


def _is_listed(version: Any, listed: list[str]) -> None:
    if not version:
        raise Unsupported("the server's answers don't tell a version")
    expect.that(
        version in listed,
        f"the version {version!r} answers, and the metadata list {', '.join(listed) or 'none'}",
    )


def _describes(answer: Answer, name: str) -> None:
    told = answer.success()
    with expect.reading("the model's metadata"):
        expect.equal(told["name"], name, "name")
        expect.that(isinstance(told["platform"], str), "the model's platform is no text")


def _is_tensor(name: Any, datatype: Any, shape: Any) -> None:
    expect.that(isinstance(name, str) and name != "", f"a tensor's name is {name!r}")
    expect.one_of(datatype, NAMES_OF_DATATYPES, f"the datatype of {name}")
    expect.that(
        isinstance(shape, list) and all(type(size) is int and size >= -1 for size in shape),
        f"the shape of {name} is no list of dimensions: {shape!r}",
    )


def _of_message(tensor: Any) -> dict[str, Any]:
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}


def _essential(described: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{name: each[name] for name in ("name", "datatype", "shape")} for each in described]


def _listed(server: Server) -> set[str]:
    told = server.get("/v2").success()
    with expect.reading("the server's metadata"):
        # KServe's SDK says model_repository_extension.
        return {name.removesuffix("_extension") for name in told["extensions"]}


def _has_binary_data(server: Server) -> bool:
    """Ask for binary outputs, which a server without the extension gives as JSON or refuses."""
    body = v2_answers.with_parameters(server.v2_sample(), {"binary_data_output": True})
    # To Triton and KServe's SDK outputs that are named come in JSON all the same.
    body.pop("outputs", None)
    answer = server.infer(body)
    return answer.status == 200 and _LENGTH in answer.headers


def _has_repository(server: Server) -> bool:
    answer = server.ask("POST", "/v2/repository/index", {})
    try:
        return isinstance(answer.success(), list)
    except Departure:
        return False


_EXTENSIONS: Mapping[str, Callable[[Server], bool]] = {
    "model_repository": _has_repository,
    "binary_tensor_data": _has_binary_data,
}
