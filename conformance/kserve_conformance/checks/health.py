"""Whether server and models are live and ready, and how that is told."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tritonclient.grpc import service_pb2

from kserve_conformance import expect
from kserve_conformance.asking.grpc_client import CallFailed
from kserve_conformance.asking.http_client import Answer
from kserve_conformance.asking.server import Server
from kserve_conformance.checks import wire
from kserve_conformance.checks.refusals import UNKNOWN_MODEL, UNKNOWN_VERSION
from kserve_conformance.checks.registry import check, check_each
from kserve_conformance.expect import Departure
from kserve_conformance.results.verdict import Unsupported
from kserve_conformance.tensors import tensor

_LIVE = "/v2/health/live"
_READY = "/v2/health/ready"
_MODEL_V1, _MODEL_V2 = "/v1/models/{}", "/v2/models/{}/ready"
_VERSION_V2 = "/v2/models/{}/versions/{}/ready"
# Seconds that the contract model is told to take, longer where that may be all that an answer
# waited for, on a machine that had no time; that it is given before something else is asked, and by
# which that must be answered earlier: two answers that one event loop sends in a row are a
# millisecond apart.
_LONG = (0.5, 1.0, 2.0)
_LEAD, _EARLIER = 0.15, 0.1


def _need_named_not_ready_model(server: Server) -> None:
    server.not_ready_model()
    if server.target.not_ready_model is None:
        raise Unsupported(
            "the model that isn't ready was found in the repository, from which it may have been "
            "unloaded on purpose: name one that should be ready with --not-ready-model"
        )


@check("V1-HEALTH-001")
def the_root_is_alive(server: Server) -> None:
    told = server.get("/").success()
    with expect.reading("the answer of GET /"):
        expect.equal(told["status"], "alive", "status")


@check("V1-HEALTH-002")
def a_ready_model_is_called_ready_v1(server: Server) -> None:
    _calls_ready(server.get(_MODEL_V1.format(server.model)), server.model)


@check_each({"V1-HEALTH-003": _MODEL_V1, "V2-HEALTH-006": _MODEL_V2})
def a_model_that_is_not_ready_is_not_called_so(server: Server, path: str) -> None:
    _does_not_call_ready(server.get(path.format(server.not_ready_model())))


@check_each({"V1-HEALTH-004": _MODEL_V1, "V2-HEALTH-007": _MODEL_V2})
def the_status_tells_that_a_model_is_not_ready(server: Server, path: str) -> None:
    _is_false_to_a_probe(server.get(path.format(server.not_ready_model())))


@check("V1-HEALTH-005")
def an_unknown_model_is_told_v1(server: Server) -> None:
    server.get(_MODEL_V1.format(UNKNOWN_MODEL)).error(404, 400)


@check("V1-HEALTH-006", Server.need_contract_v1)
def the_state_is_told_during_a_prediction(server: Server) -> None:
    def infer(seconds: float) -> Answer:
        return server.predict({"instances": [{"sleep": seconds}]})

    _is_answered_during(server, _MODEL_V1.format(server.model), infer)


@check("V2-HEALTH-001")
def the_server_is_live(server: Server) -> None:
    expect.equal(server.get(_LIVE).status, 200, f"GET {_LIVE}: the status")


@check("V2-HEALTH-002")
def liveness_is_told_in_one_of_two_forms(server: Server) -> None:
    answer = server.get(_LIVE)
    expect.equal(answer.status, 200, f"GET {_LIVE}: the status")
    if answer.body:
        told = answer.json()
        with expect.reading("the server's liveness"):
            expect.equal(told["live"], True, "live")


@check("V2-HEALTH-003")
def readiness_is_told(server: Server) -> None:
    _tells_readiness(server.get(_READY))


@check("V2-HEALTH-004", _need_named_not_ready_model)
def readiness_is_that_of_all_models(server: Server) -> None:
    answer = server.get(_READY)
    # That there is no such route isn't an answer.
    _tells_readiness(answer)
    _is_false_to_a_probe(answer)


@check("V2-HEALTH-005")
def a_ready_model_is_called_ready_v2(server: Server) -> None:
    _calls_ready_or_says_nothing(server.get(_MODEL_V2.format(server.model)), server.model)


@check("V2-HEALTH-008")
def an_unknown_model_is_told_v2(server: Server) -> None:
    answer = server.get(_MODEL_V2.format(UNKNOWN_MODEL))
    answer.failure(404, 400)
    if answer.body:
        answer.error(404, 400)


@check("V2-HEALTH-009")
def liveness_is_not_readiness(server: Server) -> None:
    name = server.not_ready_model()
    expect.equal(server.get(_LIVE).status, 200, f"GET {_LIVE}: the status while {name} isn't ready")


@check("V2-HEALTH-010", Server.need_contract_v2)
def the_server_is_live_during_an_inference(server: Server) -> None:
    def infer(seconds: float) -> Answer:
        return server.infer({"inputs": [tensor("sleep", "FP32", [1], [seconds])]})

    _is_answered_during(server, _LIVE, infer)


@check("V2-HEALTH-011")
def a_ready_version_is_called_ready(server: Server) -> None:
    path = _VERSION_V2.format(server.model, wire.quoted(server.version()))
    _calls_ready_or_says_nothing(server.get(path), server.model)


@check("V2-HEALTH-012")
def an_unknown_version_is_not_called_ready(server: Server) -> None:
    _does_not_call_ready(server.get(_VERSION_V2.format(server.model, UNKNOWN_VERSION)))


@check("V2-HEALTH-013")
def readiness_is_told_once(server: Server) -> None:
    answer = server.get(_READY)
    told = answer.json() if answer.body else {}
    with expect.reading("the server's readiness"):
        said = {name: told[name] for name in ("live", "ready") if name in told}
    meant = dict.fromkeys(said, answer.status == 200)
    expect.equal(said, meant, f"{answer.asked}: what is told with status {answer.status}")


@check("GRPC-HEALTH-001")
def the_server_is_live_over_grpc(server: Server) -> None:
    expect.equal(server.call("ServerLive").live, True, "live")


@check("GRPC-HEALTH-002")
def readiness_is_told_over_grpc(server: Server) -> None:
    server.call("ServerReady")


@check("GRPC-HEALTH-003", _need_named_not_ready_model)
def readiness_over_grpc_is_that_of_all_models(server: Server) -> None:
    expect.that(not server.call("ServerReady").ready, "ServerReady: ready is true")


@check("GRPC-HEALTH-004")
def a_ready_model_is_called_ready_over_grpc(server: Server) -> None:
    expect.equal(server.call("ModelReady", _asking(server.model)).ready, True, "ready")


@check("GRPC-HEALTH-005")
def a_model_that_is_not_ready_is_not_called_so_over_grpc(server: Server) -> None:
    name = server.not_ready_model()
    expect.that(not _model_is_ready(server, name), f"ModelReady: {name}, which isn't, is ready")


@check("GRPC-HEALTH-006")
def that_a_model_is_not_ready_is_no_error(server: Server) -> None:
    answer = server.call("ModelReady", _asking(server.not_ready_model()))
    expect.equal(answer.ready, False, "ready")


@check("GRPC-HEALTH-007")
def an_unknown_model_is_not_called_ready(server: Server) -> None:
    expect.that(not _model_is_ready(server, UNKNOWN_MODEL), "ModelReady: an unknown model is ready")


@check("GRPC-HEALTH-008")
def an_unknown_model_is_not_found(server: Server) -> None:
    server.refused("ModelReady", _asking(UNKNOWN_MODEL), "NOT_FOUND")
    server.refused("ModelReady", _asking(""), "NOT_FOUND", "INVALID_ARGUMENT")


@check("GRPC-HEALTH-009", Server.need_v2_rest)
def health_is_the_same_over_rest_and_grpc(server: Server) -> None:
    live, ready = server.call("ServerLive").live, server.call("ServerReady").ready
    expect.equal(live, _is_true(server.get(_LIVE)), "live over gRPC, against REST")
    expect.equal(ready, _is_true(server.get(_READY)), "ready over gRPC, against REST")
    for name in filter(None, (server.model, server.known.not_ready_model)):
        by_rest = _is_true(server.get(_MODEL_V2.format(name)))
        what = f"whether {name} is ready over gRPC, against REST"
        expect.equal(_model_is_ready(server, name), by_rest, what)


@check("GRPC-HEALTH-010")
def a_ready_version_is_called_ready_over_grpc(server: Server) -> None:
    answer = server.call("ModelReady", _asking(server.model, server.version()))
    expect.equal(answer.ready, True, "ready")


@check("GRPC-HEALTH-011")
def an_unknown_version_is_not_called_ready_over_grpc(server: Server) -> None:
    expect.that(
        not _model_is_ready(server, server.model, UNKNOWN_VERSION),
        f"ModelReady: the version {UNKNOWN_VERSION}, which there is none of, is ready",
    )


def _asking(name: str, version: str = "") -> service_pb2.ModelReadyRequest:
    return service_pb2.ModelReadyRequest(name=name, version=version)


def _does_not_call_ready(answer: Answer) -> None:
    if answer.status >= 400:
        return
    told = answer.json() if answer.body else None
    expect.that(
        isinstance(told, dict) and told.get("ready") is False,
        f"{answer.asked}: status {answer.status} without `ready` false calls it ready: "
        f"{expect.shortened(answer.text(), 200)}",
    )


def _calls_ready_or_says_nothing(answer: Answer, name: str) -> None:
    """Go on where a model is called ready by the status, and by the body if there is one."""
    expect.equal(answer.status, 200, f"{answer.asked}: the status")
    if answer.body:
        _calls_ready(answer, name)


def _calls_ready(answer: Answer, name: str) -> None:
    told = answer.success()
    with expect.reading("the state of the model"):
        expect.equal(told["name"], name, "name")
        expect.equal(told["ready"], True, "ready")


def _is_false_to_a_probe(answer: Answer) -> None:
    expect.that(
        answer.status >= 400,
        f"{answer.asked}: status {answer.status}, which a probe takes for ready",
    )


def _tells_readiness(answer: Answer) -> None:
    """Go on where the server's readiness is told in one of the forms that the texts have."""
    if answer.status != 200:
        expect.that(
            answer.status >= 400 and answer.status not in (404, 405, 501),
            f"{answer.asked}: expected 200 or an error status of a server that isn't ready, "
            f"got {answer.status}",
        )
    elif answer.body:
        told = answer.json()
        with expect.reading("the server's readiness"):
            ready = told["ready"] if "ready" in told else told["live"]
        expect.that(isinstance(ready, bool), f"{answer.asked}: {ready!r} is no boolean")


def _model_is_ready(server: Server, name: str, version: str = "") -> bool:
    try:
        return bool(server.call("ModelReady", _asking(name, version)).ready)
    except CallFailed as error:
        # Else a server that is gone would do.
        expect.that(error.code not in ("UNIMPLEMENTED", "DEADLINE_EXCEEDED"), str(error))
        server.call("ServerLive")
        return False


def _is_true(answer: Answer) -> bool:
    if answer.status != 200:
        return False
    told = answer.json() if answer.body else {}
    with expect.reading(f"what {answer.asked} tells"):
        return bool(told.get("ready", told.get("live", True)))


def _is_answered_during(server: Server, path: str, infer: Callable[[float], Answer]) -> None:
    """See that a path is answered while an inference runs, which takes the seconds it is told."""
    for seconds in _LONG:
        with ThreadPoolExecutor(1) as other:
            inference = other.submit(_with_end, infer, seconds)
            time.sleep(_LEAD)
            asked = time.monotonic()
            answer = server.get(path)
            inferred, ended = inference.result()
        if inferred.status != 200 or inferred.seconds < seconds * 0.9:
            raise Unsupported(
                "the model doesn't take the time that it is told to, as the contract model does: "
                f"it answered {inferred.status} after {inferred.seconds:.2f} s"
            )
        expect.equal(answer.status, 200, f"{answer.asked}: the status during the inference")
        if ended - asked - answer.seconds >= _EARLIER:
            return
    if asked - (ended - inferred.seconds) >= seconds / 2:
        raise Unsupported("this machine is too busy to ask in time while an inference runs")
    raise Departure(
        f"{answer.asked}: answered after {answer.seconds:.2f} s, only when {inferred.asked} was"
    )


def _with_end(infer: Callable[[float], Answer], seconds: float) -> tuple[Answer, float]:
    return infer(seconds), time.monotonic()
