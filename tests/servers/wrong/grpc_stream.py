"""Servers whose streams over gRPC end in a wrong way, or begin so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import grpc
from tritonclient.grpc import service_pb2 as messages

from tests.servers.grpc_service import HEALTH_WATCH, SERVING, STREAM_INFER, Ended
from tests.servers.running import RightServer, Streaming
from tests.servers.wrong.faults import breaks

Change = Callable[[Iterable[bytes], Streaming], Iterator[bytes]]


def _stream(server: RightServer, change: Change, method: str = STREAM_INFER) -> None:
    """Answer the calls of a method otherwise; what it is given is sent, and would answer it."""

    def fault(called: str, asked: Iterable[bytes], proceed: Streaming) -> Iterator[bytes]:
        return change(asked, proceed) if called == method else proceed(asked)

    server.stream_fault = fault


def _change(server: RightServer, change: Callable[[messages.ModelInferResponse], None]) -> None:
    """Change each answer on a stream that is no error, in place."""

    def changed(asked: Iterable[bytes], proceed: Streaming) -> Iterator[bytes]:
        for message in proceed(asked):
            wrapped = messages.ModelStreamInferResponse.FromString(message)
            if wrapped.HasField("infer_response"):
                change(wrapped.infer_response)
            yield wrapped.SerializeToString()

    _stream(server, changed)


def _is_error(message: bytes) -> bool:
    return bool(messages.ModelStreamInferResponse.FromString(message).error_message)


@breaks("GRPC-STREAM-001", "GRPC-STREAM-006")
def ends_each_stream_as_cancelled(server: RightServer) -> None:
    """Takes the client's end of the stream for one that breaks off."""

    def ended(asked: Iterable[bytes], proceed: Streaming) -> Iterator[bytes]:
        yield from proceed(asked)
        raise Ended(grpc.StatusCode.CANCELLED, "the client is gone")

    _stream(server, ended)


@breaks("GRPC-STREAM-001", "GRPC-STREAM-004", "GRPC-STREAM-005")
def says_nothing(server: RightServer) -> None:
    """Ends streams with OK whatever comes."""
    _stream(server, lambda asked, _: iter([each for each in asked if not each]))


@breaks("GRPC-STREAM-001")
def names_another_model(server: RightServer) -> None:
    """Has the name of what it runs the model by."""
    _change(server, lambda answer: setattr(answer, "model_name", "ensemble"))


@breaks("GRPC-STREAM-001", "GRPC-STREAM-002", "GRPC-STREAM-003", "GRPC-STREAM-004")
def answers_with_another_message(server: RightServer) -> None:
    """Has neither an answer nor an error in it."""
    _stream(server, lambda asked, _: (b"" for _ in asked))


@breaks("GRPC-STREAM-002")
def reads_the_first_request_only(server: RightServer) -> None:
    """Has one request for each stream, as MLServer."""
    _stream(server, lambda asked, proceed: proceed([next(iter(asked))]))


@breaks("GRPC-STREAM-002")
def answers_as_they_are_ready(server: RightServer) -> None:
    """Begins with the last one."""
    _stream(server, lambda asked, proceed: iter([*proceed(asked)][::-1]))


@breaks("GRPC-STREAM-002", "GRPC-STREAM-005")
def forgets_the_ids(server: RightServer) -> None:
    """Leaves the id to whoever counts the answers."""
    _change(server, lambda answer: answer.ClearField("id"))


@breaks("GRPC-STREAM-003")
def flattens_what_it_streams(server: RightServer) -> None:
    """Has a conversion of its own for streams."""

    def flatten(answer: messages.ModelInferResponse) -> None:
        for output in answer.outputs:
            output.shape[:] = [4]

    _change(server, flatten)


@breaks("GRPC-STREAM-004")
def leaves_errors_out(server: RightServer) -> None:
    """Goes on as if nothing had been asked."""
    _stream(
        server,
        lambda asked, proceed: (each for each in proceed(asked) if not _is_error(each)),
    )


@breaks("GRPC-STREAM-005")
def ends_at_an_error(server: RightServer) -> None:
    """Lets an exception end the stream, as MLServer."""

    def ended(asked: Iterable[bytes], proceed: Streaming) -> Iterator[bytes]:
        for each in proceed(asked):
            if _is_error(each):
                raise Ended(grpc.StatusCode.NOT_FOUND, "there is no such model")
            yield each

    _stream(server, ended)


@breaks("GRPC-STREAM-005")
def fails_for_ever(server: RightServer) -> None:
    """Keeps the first error, and gives it to all that follow."""

    def failed(asked: Iterable[bytes], proceed: Streaming) -> Iterator[bytes]:
        error = None
        for each in proceed(asked):
            error = error or (each if _is_error(each) else None)
            yield error or each

    _stream(server, failed)


@breaks("GRPC-STREAM-006")
def takes_a_request_for_there(server: RightServer) -> None:
    """Waits for the first message, and fails without one."""

    def failed(asked: Iterable[bytes], proceed: Streaming) -> Iterator[bytes]:
        requests = list(asked)
        if not requests:
            raise Ended(grpc.StatusCode.UNKNOWN, "StopIteration")
        return proceed(requests)

    _stream(server, failed)


@breaks("GRPC-STREAM-006")
def greets_its_clients(server: RightServer) -> None:
    """Begins each stream with an answer to nothing."""

    def greeted(asked: Iterable[bytes], proceed: Streaming) -> Iterator[bytes]:
        yield messages.ModelStreamInferResponse(error_message="hello").SerializeToString()
        yield from proceed(asked)

    _stream(server, greeted)


# ------------------------------------------------------------ health


@breaks("GRPC-HEALTH-016", "GRPC-HEALTH-017")
def tells_changes_only(server: RightServer) -> None:
    """Ends without the status that there is."""
    _stream(server, lambda asked, _: iter([each for each in asked if False]), HEALTH_WATCH)


@breaks("GRPC-HEALTH-016", "GRPC-HEALTH-017")
def watches_itself_only(server: RightServer) -> None:
    """Is serving to whoever watches."""
    _stream(server, lambda *_: iter([SERVING]), HEALTH_WATCH)


@breaks("GRPC-HEALTH-017")
def ends_the_watch_of_an_unknown_service(server: RightServer) -> None:
    """Ends it as Check ends."""

    def ended(asked: Iterable[bytes], proceed: Streaming) -> Iterator[bytes]:
        for message in asked:
            yield server.service.check_health(message)

    _stream(server, ended, HEALTH_WATCH)
