"""ModelStreamInfer in MLServer's form: answers as ModelInfer's, and an error ends the stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import grpc
import pytest
from kserve_conformance import catalogue
from kserve_conformance.asking import streams
from kserve_conformance.asking.extensions import STREAMS
from kserve_conformance.asking.target import Target
from kserve_conformance.expect import Departure
from kserve_conformance.results.verdict import Verdict
from kserve_conformance.session import Session
from tritonclient.grpc import service_pb2 as messages

from tests.servers import RightServer
from tests.servers.grpc_service import Ended
from tests.servers.running import Streaming


def _as_mlserver(_: str, asked: Iterable[bytes], proceed: Streaming) -> Iterator[bytes]:
    for message in proceed(asked):
        wrapped = messages.ModelStreamInferResponse.FromString(message)
        if wrapped.error_message:
            raise Ended(grpc.StatusCode.NOT_FOUND, wrapped.error_message)
        yield wrapped.infer_response.SerializeToString()


def test_either_form_keeps_what_is_asked_of_both(server: RightServer, target: Target) -> None:
    server.stream_fault = _as_mlserver
    statements = catalogue.load()
    with Session(target) as session:
        assert STREAMS in session.offer.detected
        verdicts = {
            number: session.judge(statements[f"GRPC-STREAM-00{number}"]).judgement.verdict
            for number in range(1, 7)
        }
    # That a stream goes on after an error is a SHOULD, which MLServer departs from.
    assert verdicts == {**dict.fromkeys(range(1, 7), Verdict.PASSED), 5: Verdict.FAILED}


def test_a_server_without_the_call_is_not_judged_by_it(server: RightServer, target: Target) -> None:
    def gone(*_: object) -> Iterator[bytes]:
        raise Ended(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")

    server.stream_fault = gone
    with Session(target) as session:
        assert STREAMS not in session.offer.detected
        judged = session.judge(catalogue.load()["GRPC-HEALTH-016"]).judgement
    # Health is there by Check, and need have no Watch.
    assert judged.verdict is Verdict.UNSUPPORTED, judged.message


@pytest.mark.parametrize("message", [b"", b"\xff\xff", b"\x12\x00\x18"])
def test_what_is_neither_form_is_no_answer(message: bytes) -> None:
    with pytest.raises(Departure):
        streams.read(message)
