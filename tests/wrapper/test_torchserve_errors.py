"""TorchServe's error answers keep their meaning for the client of the wrapper."""

import pytest

from wrapper.torchserve import errors


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (400, 400),
        (404, 404),
        (408, 504),
        (413, 413),
        (500, 500),
        (503, 503),
        (507, 503),
        (302, 502),
    ],
)
def test_a_status_is_told_as_what_it_means(status: int, told: int) -> None:
    assert errors.from_answer(status, b"").status == told


def test_torchserves_message_is_passed_on() -> None:
    body = b'{"code": 503, "type": "InternalServerException", "message": "Prediction failed"}'
    assert errors.from_answer(503, body).message == "TorchServe answered 503: Prediction failed"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"message": 1}'])
def test_a_body_without_a_message_still_gives_a_sentence(body: bytes) -> None:
    assert errors.from_answer(503, body).message == "TorchServe answered 503: without a message"


def test_an_empty_413_names_the_property() -> None:
    assert "max_request_size" in errors.from_answer(413, b"").message
