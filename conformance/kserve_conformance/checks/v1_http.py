"""V1 predictions as HTTP: media types, names in the path, methods, and how a body is sent."""

from __future__ import annotations

from kserve_conformance import expect
from kserve_conformance.asking.server import Server, encode
from kserve_conformance.checks import refusals, wire
from kserve_conformance.checks.refusals import UNKNOWN_MODEL
from kserve_conformance.checks.registry import check, check_each
from kserve_conformance.checks.v1_bodies import member
from kserve_conformance.checks.wire import Hand

# Above what servers take up of a body that they don't want.
_LONG = 256 * 1024
_MEGABYTE = 1024 * 1024


@check_each(
    {
        "V1-PREDICT-021": "application/json; charset=utf-8",
        "V1-PREDICT-022": "Application/JSON",
        "V1-PREDICT-023": None,
    }
)
def a_way_to_declare_json_changes_nothing(server: Server, content_type: str | None) -> None:
    answer = server.predict(server.v1_sample(), headers={"content-type": content_type})
    member(answer.success(), "predictions")


@check("V1-PREDICT-024")
def a_form_is_no_failure(server: Server) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = server.predict(server.v1_sample(), headers=headers)
    if answer.status != 200:
        answer.error()


@check("V1-PREDICT-025")
def an_unknown_model_is_refused(server: Server) -> None:
    server.predict(server.v1_sample(), UNKNOWN_MODEL).error(404, 400)


@check("V1-PREDICT-026")
def an_unknown_model_is_told_before_a_bad_body(server: Server) -> None:
    right = server.predict(server.v1_sample(), UNKNOWN_MODEL)
    refusals.refused(right)
    wrong = server.predict(b"{", UNKNOWN_MODEL)
    expect.equal(wrong.status, right.status, "the status for a body that is no JSON")


@check("V1-PREDICT-027")
def a_model_that_is_not_ready_does_not_predict(server: Server) -> None:
    name = server.not_ready_model()
    server.predict(server.v1_sample(), name).error(503, 400, 404)


@check("V1-PREDICT-028")
def a_method_that_predict_lacks_is_refused(server: Server) -> None:
    answer = server.ask("PUT", f"/v1/models/{server.model}:predict", server.v1_sample())
    answer.failure(405, 404)
    if answer.status == 405:
        allowed = answer.headers.get("allow", "")
        methods = [each.strip() for each in allowed.split(",")]
        expect.that("POST" in methods, f"Allow doesn't name POST: {allowed!r}")


@check("V1-PREDICT-029")
def a_verb_that_v1_lacks_is_refused(server: Server) -> None:
    answer = server.ask("POST", f"/v1/models/{server.model}:conformance", server.v1_sample())
    if answer.status != 501:
        answer.failure()


@check("V1-PREDICT-030")
def percent_encoded_letters_are_letters(server: Server) -> None:
    # By hand, since HTTP clients undo such an encoding before they send.
    path = f"/v1/models/{wire.encoded(server.model)}:predict"
    _answered(Hand(server).ask("POST", path, encode(server.v1_sample())))


@check("V1-PREDICT-031")
def a_chunked_body_is_a_body(server: Server) -> None:
    body = wire.chunked(encode(server.v1_sample()))
    answer = Hand(server).ask("POST", _predict(server.model), body, wire.CHUNKED)
    if answer.status != 411:
        _answered(answer)


@check("V1-PREDICT-032")
def an_expectation_is_met(server: Server) -> None:
    server.predict(server.v1_sample(), headers={"expect": "100-continue"}).success()


@check("V1-PREDICT-033")
def a_megabyte_is_answered(server: Server) -> None:
    # White space, which is no model's business.
    server.predict(encode(server.v1_sample()) + b" " * _MEGABYTE).success()


@check("V1-PREDICT-034")
def a_connection_outlives_a_refusal(server: Server) -> None:
    sample = encode(server.v1_sample())
    unknown = _predict(UNKNOWN_MODEL), sample + b" " * _LONG
    after = Hand(server).post_after_error(unknown, (_predict(server.model), sample))
    if after is not None:
        _answered(after)


def _answered(answer: wire.Answer) -> None:
    expect.equal(answer.status, 200, "the status of the prediction")


def _predict(model: str) -> str:
    return f"/v1/models/{wire.quoted(model)}:predict"
