"""Header fields of answers, and what HTTP itself asks of a server."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

from kserve_conformance import expect
from kserve_conformance.asking.http_client import Answer, NoAnswer
from kserve_conformance.asking.server import Server, encode
from kserve_conformance.checks import wire
from kserve_conformance.checks.refusals import UNKNOWN_MODEL
from kserve_conformance.checks.registry import check, check_each
from kserve_conformance.checks.wire import Hand

_JSON = re.compile(r"application/json *(;.*)?", re.IGNORECASE)
_SECRET = "conformance-7f3a"
_SECRETS = {
    "authorization": f"Bearer {_SECRET}",
    "cookie": f"session={_SECRET}",
    "x-conformance": _SECRET,
}
# None at all, what most clients send, and what browsers' clients do.
_ACCEPTS = (None, "*/*", "application/json", "application/json;q=0.9, */*;q=0.1")
_NO_JSON = b'{"inputs": ['
_NO_CODING = "conformance"
# What a protocol is asked with, how, and which member its answer has.
_Rest: TypeAlias = tuple[Callable[[Server], dict[str, Any]], Callable[..., Answer], str]
_V1: _Rest = Server.v1_sample, Server.predict, "predictions"
_V2: _Rest = Server.v2_sample, Server.infer, "outputs"


@check("V1-HEADER-001")
def answers_end_where_they_say_v1(server: Server) -> None:
    hand = Hand(server)
    body = encode(server.v1_sample())
    model = wire.quoted(server.model)
    # In chunks, since where header fields are copied, both ways to say the length come together.
    for path in (f"{model}:predict", f"{model}:explain", f"{UNKNOWN_MODEL}:predict"):
        hand.ask("POST", f"/v1/models/{path}", wire.chunked(body), wire.CHUNKED)


@check("V1-HEADER-002")
def headers_are_not_reflected_v1(server: Server) -> None:
    sample = server.v1_sample()
    _reveals_nothing(server.predict(sample, headers=_SECRETS))
    _reveals_nothing(server.explain(sample, headers=_SECRETS))
    _reveals_nothing(server.predict(sample, UNKNOWN_MODEL, headers=_SECRETS))


@check_each({"V1-HEADER-003": _V1, "V2-HEADER-005": _V2})
def content_codings_are_heeded(server: Server, rest: _Rest) -> None:
    sample, ask, member = rest
    body = gzip.compress(encode(sample(server)), mtime=0)
    answer = ask(server, body, headers={"content-encoding": "gzip"})
    if answer.status == 200:
        _has(answer, member)
    else:
        answer.failure()


@check_each({"V1-HEADER-006": _V1, "V2-HEADER-013": _V2})
def codings_that_are_read_are_told(server: Server, rest: _Rest) -> None:
    sample, ask, member = rest
    body = encode(sample(server))
    for coding, sent in (("gzip", gzip.compress(body, mtime=0)), (_NO_CODING, body)):
        answer = ask(server, sent, headers={"content-encoding": coding})
        if coding == "gzip" and answer.status == 200:
            _has(answer, member)
            continue
        answer.failure(415)
        told = answer.headers.get("accept-encoding")
        expect.that(
            told is not None and coding not in told,
            f"{answer.asked}: Accept-Encoding, which tells other codings than {coding}: {told!r}",
        )


@check_each({"V1-HEADER-007": _V1, "V2-HEADER-014": _V2})
def bodies_are_of_their_coding(server: Server, rest: _Rest) -> None:
    sample, ask, _ = rest
    body = encode(sample(server))
    for broken in (gzip.compress(body, mtime=0)[:-8], body):
        ask(server, broken, headers={"content-encoding": "gzip"}).failure()


@check_each(
    {
        "V1-HEADER-008": (Server.v1_sample, "/v1/models/{}:predict", b'"predictions"'),
        "V2-HEADER-015": (Server.v2_sample, "/v2/models/{}/infer", b'"outputs"'),
    }
)
def what_is_beside_the_chunks_is_let_be(
    server: Server, rest: tuple[Callable[[Server], dict[str, Any]], str, bytes]
) -> None:
    sample, path, member = rest
    body = wire.chunked(encode(sample(server)), b';conformance="1"', b"X-Conformance: 1\r\n")
    path = path.format(wire.quoted(server.model))
    answer = Hand(server).ask("POST", path, body, wire.CHUNKED)
    if answer.status != 411:
        expect.equal(answer.status, 200, "the status")
        expect.that(member in answer.body, f"the answer has no {member.decode()}")


@check_each({"V1-HEADER-004": _V1, "V2-HEADER-006": _V2})
def any_json_client_is_answered(server: Server, rest: _Rest) -> None:
    sample, ask, member = rest
    for accept in _ACCEPTS:
        _has(ask(server, sample(server), headers={"accept": accept}), member)


@check_each({"V1-HEADER-009": _V1, "V2-HEADER-016": _V2})
def answers_are_compressed_for_those_who_take_it(server: Server, rest: _Rest) -> None:
    sample, ask, member = rest
    for accepted in ("identity", "gzip"):
        # The client takes it off again, and finds where it isn't whole.
        answer = ask(server, sample(server), headers={"accept-encoding": accepted})
        _has(answer, member)
        coding = answer.headers.get("content-encoding", "identity")
        expect.one_of(coding, ("identity", accepted), f"{answer.asked}: the Content-Encoding")


@check("V1-HEADER-005")
def what_is_told_is_declared_v1(server: Server) -> None:
    _declared(server.get("/v1/models"))
    _declared(server.get(f"/v1/models/{server.model}"))
    _declared(server.predict(server.v1_sample()))


@check("V2-HEADER-001")
def answers_are_declared_as_json(server: Server) -> None:
    _declared(server.get("/v2"))
    _declared(server.infer(server.v2_sample()))


@check("V2-HEADER-002")
def answers_end_where_they_say_v2(server: Server) -> None:
    hand = Hand(server)
    # More bytes than characters, which a wrong count shows; and in chunks as for V1.
    body = encode(server.v2_sample(id="é漢"))
    model = wire.quoted(server.model)
    for path in (f"{model}/infer", f"{UNKNOWN_MODEL}/infer"):
        hand.ask("POST", f"/v2/models/{path}", wire.chunked(body), wire.CHUNKED)
    hand.ask("GET", f"/v2/models/{model}")


@check("V2-HEADER-003")
def a_head_has_no_body(server: Server) -> None:
    path = "/v2/health/live"
    status = server.get(path).status
    answer = Hand(server).ask("HEAD", path)
    expect.one_of(answer.status, (status, 405, 501), f"HEAD {path}: the status")


@check("V2-HEADER-004")
def headers_are_not_reflected_v2(server: Server) -> None:
    sample = server.v2_sample()
    _reveals_nothing(server.infer(sample, headers=_SECRETS))
    _reveals_nothing(server.infer(_NO_JSON, headers=_SECRETS))
    _reveals_nothing(server.infer(sample, UNKNOWN_MODEL, headers=_SECRETS))


@check("V2-HEADER-007")
def a_connection_outlives_an_error(server: Server) -> None:
    path, sample = _infer(server), encode(server.v2_sample())
    after = Hand(server).post_after_error((path, _NO_JSON), (path, sample))
    if after is not None:
        _answered(after)


@check("V2-HEADER-008")
def broken_http_is_refused(server: Server) -> None:
    hand = Hand(server)
    body = encode(server.v2_sample())
    for broken in (
        b"\x16\x03\x01 conformance\r\n\r\n",
        hand.write("POST", _infer(server), body, {"Content-Length": "many"}),
        hand.write("POST", _infer(server), body, {"Content-Length": f"{len(body)}, 7"}),
    ):
        try:
            received = server.send_bytes(broken)
        except NoAnswer:
            # Cut off; that nothing answers at all is seen below.
            continue
        if received:
            answer, _ = wire.read(received)
            expect.that(
                answer.status >= 400, f"what is no HTTP is answered with status {answer.status}"
            )
    server.infer(body).success()


@check("V2-HEADER-009")
def chunks_are_a_body(server: Server) -> None:
    body = wire.chunked(encode(server.v2_sample()))
    answer = Hand(server).ask("POST", _infer(server), body, wire.CHUNKED)
    if answer.status != 411:
        _answered(answer)


@check("V2-HEADER-010")
def an_expectation_is_met(server: Server) -> None:
    body = encode(server.v2_sample())
    _answered(Hand(server).ask("POST", _infer(server), body, {"Expect": "100-continue"}))


@check("V2-HEADER-011")
def percent_encoded_letters_are_letters(server: Server) -> None:
    # By hand, since HTTP clients undo such an encoding before they send.
    path = f"/v2/models/{wire.encoded(server.model)}/infer"
    _answered(Hand(server).ask("POST", path, encode(server.v2_sample())))


@check("V2-HEADER-012")
def a_last_slash_means_the_same(server: Server) -> None:
    got = server.get(f"/v2/models/{server.model}/")
    posted = server.ask("POST", f"/v2/models/{server.model}/infer/", server.v2_sample())
    # A GET stays one by whichever redirection.
    treatment = _treatment(got, (301, 302, 303, 307, 308))
    what = "POST with a slash at its end, against GET"
    expect.equal(_treatment(posted, (307, 308)), treatment, what)


def _infer(server: Server) -> str:
    return f"/v2/models/{wire.quoted(server.model)}/infer"


def _treatment(answer: Answer, redirections: Collection[int]) -> str:
    if answer.status in redirections:
        return "redirected"
    if answer.status == 200:
        return "answered"
    answer.failure()
    return "refused"


def _reveals_nothing(answer: Answer) -> None:
    for name, value in answer.headers.items():
        expect.that(
            _SECRET not in value, f"{answer.asked}: a header of the request is back as {name}"
        )
    # A model may be made to tell what it was asked with; an error has no reason to.
    expect.that(
        answer.status < 400 or _SECRET not in answer.text(),
        f"{answer.asked}: a header of the request is in the error",
    )


def _has(answer: Answer, member: str) -> None:
    told = answer.success()
    expect.that(
        isinstance(told, Mapping) and member in told, f"{answer.asked}: there is no {member!r}"
    )


def _declared(answer: Answer) -> None:
    answer.success()
    kind = answer.headers.get("content-type", "")
    expect.that(_JSON.fullmatch(kind) is not None, f"{answer.asked}: the Content-Type is {kind!r}")


def _answered(answer: wire.Answer) -> None:
    expect.equal(answer.status, 200, "the status")
    expect.that(b'"outputs"' in answer.body, "the answer has no outputs")
