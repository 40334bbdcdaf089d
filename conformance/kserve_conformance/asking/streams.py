"""What ModelStreamInfer answers, in either of the two forms that servers have.

Triton wraps each ModelInferResponse in a message that may hold an error in its place; MLServer
sends them as they are, and ends the stream where there is an error.
"""

from __future__ import annotations

from google.protobuf.message import DecodeError
from tritonclient.grpc import service_pb2

from kserve_conformance.expect import Departure


def read(message: bytes) -> service_pb2.ModelInferResponse | str:
    """Give the answer in a message, or the sentence of the error that it holds.

    Raises:
        Departure: when it holds neither.
    """
    # A wrapped answer has no member where one has its outputs.
    bare = _parsed(service_pb2.ModelInferResponse, message)
    if bare is not None and bare.outputs:
        return bare
    wrapped = _parsed(service_pb2.ModelStreamInferResponse, message)
    if wrapped is not None and wrapped.error_message:
        return str(wrapped.error_message)
    if wrapped is not None and wrapped.HasField("infer_response"):
        return wrapped.infer_response
    raise Departure(f"what ModelStreamInfer answers is neither an answer nor an error: {message!r}")


def _parsed(kind: type, message: bytes) -> service_pb2.ModelInferResponse | None:
    try:
        return kind.FromString(message)  # type: ignore[attr-defined]
    except DecodeError:
        return None
