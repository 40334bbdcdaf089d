"""Lines to try on a pod, one for each protocol, and what they are answered."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from kserve_conformance.asking.http_client import Answer, HttpClient, NoAnswer, Request
from kserve_conformance.expect import Departure, shortened
from kserve_conformance.text import messages

from matrix.desk.served import Served
from matrix.running.clients import TIMEOUT, encode

_LONGEST = 400
# Of a Python that imports tritonclient and numpy, on a machine that is busy.
_ASKED_WITHIN = 120.0


@dataclass(frozen=True)
class Said:
    """What a line was answered.

    Attributes:
        right: whether it is the answer that is known to be right; None for a refusal, and for
            no answer at all.
    """

    text: str
    right: bool | None = None


@dataclass(frozen=True)
class Line:
    """A line for a shell.

    Attributes:
        ask: asks the same; None where the line holds placeholders.
        placeholders: the words of the line to be replaced.
    """

    protocol: str
    command: str
    ask: Callable[[], Said] | None
    placeholders: tuple[str, ...] = ()


def lines(served: Served, url: str, grpc: str) -> Iterator[Line]:
    """Give the lines for a pod, V1, V2 and gRPC.

    Args:
        url: the base of its REST routes.
        grpc: host and port of its gRPC service.
    """
    name, sample = served.name, served.sample
    v1, v2 = f"{url}/v1/models/{name}:predict", f"{url}/v2/models/{name}/infer"
    if sample is None:
        yield Line("V1", _curl(_post(v1, _UNKNOWN_V1)), None, ("INSTANCE",))
        yield Line("V2", _curl(_post(v2, _UNKNOWN_V2)), None, _TENSOR)
        yield Line("gRPC", _python(_code(grpc, name, *_TENSOR)), None, _TENSOR)
        return
    known = sample.answer
    yield _rest("V1", _post(v1, encode(sample.v1)), known, lambda body: body["predictions"])
    yield _rest("V2", _post(v2, encode(sample.v2)), known, lambda body: body["outputs"][0]["data"])
    (tensor,) = sample.v2["inputs"]
    shape, data = (json.dumps(tensor[key])[1:-1] for key in ("shape", "data"))
    code = _code(grpc, name, tensor["name"], shape, tensor["datatype"], data)
    yield Line("gRPC", _python(code), lambda: _run(code, known))


# What requests to a model hold that isn't known here.
_TENSOR = ("NAME", "SHAPE", "DATATYPE", "DATA")
_UNKNOWN_V1 = b'{"instances": [INSTANCE]}'
_UNKNOWN_V2 = (
    b'{"inputs": [{"name": "NAME", "shape": [SHAPE], "datatype": "DATATYPE", "data": [DATA]}]}'
)


def _post(url: str, body: bytes) -> Request:
    return Request("POST", url, {"content-type": "application/json"}, body)


def _curl(request: Request) -> str:
    # A proxy of this machine has nothing to say here.
    return request.curl().replace("curl -sS -i", "curl -sS -i --noproxy '*'", 1)


def _rest(protocol: str, request: Request, known: Any, told: Callable[[Any], Any]) -> Line:
    return Line(protocol, _curl(request), lambda: _send(request, known, told))


def _send(request: Request, known: Any, told: Callable[[Any], Any]) -> Said:
    try:
        with closing(HttpClient(request.url, TIMEOUT)) as client:
            answer = client.send(request)
    except NoAnswer as error:
        return Said(str(error))
    text = f"{answer.status} {' '.join(shortened(answer.text(), _LONGEST).split())}"
    return Said(text, _is_right(answer, known, told) if answer.status == 200 else None)


def _is_right(answer: Answer, known: Any, told: Callable[[Any], Any]) -> bool:
    try:
        return bool(told(answer.json()) == known)
    except (Departure, LookupError, TypeError):
        return False


def _code(target: str, model: str, name: str, shape: str, datatype: str, data: str) -> str:
    """Write the program of a call by tritonclient, which prints the data of every output."""
    return (
        "import numpy, tritonclient.grpc as g, tritonclient.utils as u; "
        f'x = g.InferInput("{name}", [{shape}], "{datatype}"); '
        f'd = numpy.array([{data}], u.triton_to_np_dtype("{datatype}")); '
        f"x.set_data_from_numpy(d.reshape([{shape}])); "
        # As for curl, no proxy.
        f'c = g.InferenceServerClient("{target}", channel_args=[("grpc.enable_http_proxy", 0)]); '
        f'r = c.infer("{model}", [x]); '
        "print([r.as_numpy(o.name).tolist() for o in r.get_response().outputs])"
    )


def _python(code: str) -> str:
    """Give the line that runs a program by this interpreter, which has tritonclient."""
    return shlex.join([sys.executable, "-c", code])


def _run(code: str, known: Any) -> Said:
    try:
        ran = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=_ASKED_WITHIN
        )
    except subprocess.TimeoutExpired:
        return Said(f"nothing within {_ASKED_WITHIN:.0f} s")
    if ran.returncode != 0:
        return Said(messages.telling_line(ran.stderr))
    return Said(ran.stdout.strip(), ran.stdout.strip() == str([known]))
