"""Tells an ingress that answers in the place of a service from a server that can be judged.

An ingress that has no route, or no ready pod behind it, answers whatever is asked alike. That says
nothing of the server that nobody reached, so that no departure follows from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from google.protobuf.message import Message
from tritonclient.grpc import service_pb2

from kserve_conformance.asking.grpc_client import CallFailed
from kserve_conformance.asking.http_client import Answer, NoAnswer
from kserve_conformance.asking.server import Server
from kserve_conformance.expect import shortened
from kserve_conformance.results.verdict import SubjectFailed

_NO_ROUTE = (
    "nothing there has a route to the service: where an ingress routes by name, give it, as "
    "--header 'Host: NAME' (kubectl get inferenceservice tells it); where it routes by path, put "
    "that into --target; and see that --model is right"
)
_NO_POD = (
    "the ingress has no pod that is ready: wait until the service is, which kubectl get "
    "inferenceservice tells, and ask again"
)
_NO_CREDENTIALS = (
    "the ingress wants credentials: put its header, such as Authorization: Bearer TOKEN, into a "
    "file, and name that with --header-file"
)
_ELSEWHERE = "give the address that it is sent on to as --target"
_TLS = "where it asks for TLS, say https:// in --target, and for a certificate, give --cert"
_REPLIES: Mapping[str, str] = {
    **dict.fromkeys(("301", "302", "303", "307", "308"), _ELSEWHERE),
    "400": _TLS,
    **dict.fromkeys(("401", "403", "407", "PERMISSION_DENIED", "UNAUTHENTICATED"), _NO_CREDENTIALS),
    **dict.fromkeys(("404", "421", "UNIMPLEMENTED"), _NO_ROUTE),
    **dict.fromkeys(("502", "503", "504", "UNAVAILABLE"), _NO_POD),
}
"""By status: what to do where whatever is asked comes to it."""

# By what OpenSSL says.
_HINTS: Mapping[str, str] = {
    "certificate verify failed": "name the authority that signed it with --ca, and the name that "
    "it is for with --header 'Host: NAME'",
    "certificate required": "give a certificate of the client's own with --cert and --key",
    "wrong version number": "if TLS isn't spoken there, say http:// and HOST:PORT",
    "record layer failure": "if TLS isn't spoken there, say http:// and HOST:PORT",
}
# What gRPC says of an answer that is none of its own.
_HTTP_STATUS = re.compile(r"http2 header with status: (\d{3})")
# Asked beside what was asked to find out what is offered: most servers have one of them, whatever
# they call their model.
_PATHS = ("/v2/health/live", "/v2/health/ready", "/v1/models")


def refuse_strangers(server: Server) -> None:
    """Go on where a server was reached that can be judged.

    Args:
        server: the one that was asked what it offers; see `kserve_conformance.asking.offer`.

    Raises:
        SubjectFailed: where only an ingress answers; says what to do.
    """
    target = server.target
    by_grpc = None
    if target.grpc is not None and "grpc" in target.profiles:
        by_grpc = _why_not_by_grpc(server)
        # One that speaks gRPC alone offers no REST.
        has_rest = by_grpc is not None or bool({"v1", "v2"} & target.claimed)
    else:
        has_rest = True
    if has_rest and {"v1", "v2"}.intersection(target.profiles):
        # REST first: its answers have words.
        _refuse(_why_not_by_http(server))
    _refuse(by_grpc)


def hint(error: NoAnswer) -> str:
    """Say what to do where no connection comes about, as far as its words tell that."""
    told = str(error)
    return next((f" ({what})" for word, what in _HINTS.items() if word in told), "")


def _refuse(reason: str | None) -> None:
    if reason is not None:
        raise SubjectFailed(reason)


def _why_not_by_http(server: Server) -> str | None:
    if not _all_alike(each.status for each in server.seen if each.status.isdecimal()):
        return None
    answers = [server.get(path) for path in ("/", *_PATHS)]
    if not _all_alike(str(each.status) for each in answers):
        return None
    # That a route has no pod says more than that another path has no route.
    told = next((each for each in answers if each.status != 404), answers[0])
    return (
        f"the service behind {server.target.url} is not reachable: whatever is asked for is "
        f"answered with an error, {told.asked} with {told.status}: {_REPLIES[str(told.status)]}"
        f"{_words(told)}"
    )


def _why_not_by_grpc(server: Server) -> str | None:
    failures = []
    # A server may lack one or the other. The last has no inputs, which servers refuse in their way.
    calls: Mapping[str, Message | None] = {
        "ServerLive": None,
        "ServerReady": None,
        "ModelReady": service_pb2.ModelReadyRequest(name=server.model),
        "ModelInfer": service_pb2.ModelInferRequest(model_name=server.model),
    }
    for name, request in calls.items():
        try:
            server.call(name, request)
        except CallFailed as failed:
            failures.append(failed)
        else:
            return None
    if not _all_alike(map(_status, failures)):
        return None
    told = failures[0]
    return (
        f"the service behind --grpc-target {server.target.grpc} is not reachable: whatever is "
        f"called fails, ServerLive with {told.code}: {_REPLIES[_status(told)]} "
        f"(it says: {shortened(told.details, 200)})"
    )


def _status(failed: CallFailed) -> str:
    """Give the status of HTTP that a call ended with, where what answers speaks no gRPC."""
    found = _HTTP_STATUS.search(failed.details)
    return found[1] if found else failed.code


def _all_alike(statuses: Iterable[str]) -> bool:
    """Tell whether all are of an ingress; a server may well answer 400 to some of its paths."""
    told = set(statuses)
    return bool(told) and (told == {"400"} or told <= _REPLIES.keys() - {"400"})


def _words(answer: Answer) -> str:
    words = answer.headers.get("location") or " ".join(answer.text().split())
    return f" (it says: {shortened(words, 200)})" if words else ""
