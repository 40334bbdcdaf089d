"""JSON bodies of the V1 protocol and the Open Inference Protocol: what makes one acceptable."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from wrapper.errors import ServingError

try:
    import orjson

    _parse = orjson.loads
except ImportError:  # SDK 0.8 and 0.9 come without it

    def _no_constant(name: str) -> NoReturn:
        raise ValueError(f"{name} is no JSON (RFC 8259, section 6)")

    def _parse(body: bytes) -> Any:
        return json.loads(body.decode("utf-8"), parse_constant=_no_constant)


def v1_request(body: bytes) -> bytes:
    """Check a V1 request body and give the body to send to TorchServe's envelope.

    ``inputs`` is an equal root key to ``instances`` (V1 protocol, "Request Format"), but
    the envelope reads ``instances`` only.

    Raises:
        ServingError: 400 when the body is no V1 request.
    """
    request = _object(body)
    key = "instances" if "instances" in request else "inputs"
    if key not in request:
        raise ServingError(400, 'Expected "instances" or "inputs" in the request body')
    if not isinstance(request[key], list):
        raise ServingError(400, f'Expected "{key}" to be a list')
    return body if key == "instances" else json.dumps({"instances": request["inputs"]}).encode()


def v2_request(body: bytes) -> bytes:
    """Check an Open Inference Protocol request body and give it back.

    Raises:
        ServingError: 400 when the body is no inference request.
    """
    inputs = _object(body).get("inputs")
    if not isinstance(inputs, list):
        raise ServingError(400, 'Expected "inputs" to be a list')
    for index, tensor in enumerate(inputs):
        if not isinstance(tensor, dict):
            raise ServingError(400, f"Expected inputs[{index}] to be an object")
        for member in ("name", "shape", "datatype", "data"):
            if member not in tensor:
                raise ServingError(400, f'Expected "{member}" in inputs[{index}]')
    return body


def _object(body: bytes) -> dict[str, Any]:
    try:
        request = _parse(body)
    except (ValueError, RecursionError) as error:
        raise ServingError(400, f"Unrecognized request format: {error}") from None
    if not isinstance(request, dict):
        raise ServingError(400, "Expected the request body to be a JSON object")
    return request
