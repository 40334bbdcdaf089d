"""What results keep of texts that hold secrets, and of texts that only look like it."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from conformance.outcomes import redaction
from conformance.outcomes.redaction import HIDDEN, redacted

SECRET = "s3cret-Of/the+client=="

HOLDING = {
    "a header's line": (f"authorization: {SECRET}\nhost: h", f"authorization: {HIDDEN}\nhost: h"),
    "a header with other case": (f"Proxy-Authorization:{SECRET}", f"Proxy-Authorization:{HIDDEN}"),
    "a cookie that quotes": (f'cookie: a="1"; session={SECRET}', f"cookie: {HIDDEN}"),
    "an answer's cookie": (f"200\nSet-Cookie: a={SECRET}; Path=/", f"200\nSet-Cookie: {HIDDEN}"),
    "credentials in a log": (f"sent Bearer {SECRET} to it", f"sent Bearer {HIDDEN} to it"),
    "credentials in lower case": (f"basic {SECRET}", f"basic {HIDDEN}"),
    "a member of JSON": (
        json.dumps({"password": SECRET, "user": "me"}),
        json.dumps({"password": HIDDEN, "user": "me"}),
    ),
    "a member with quotes in it": (
        json.dumps({"cookie": f'a="1"; session={SECRET}', "user": "me"}),
        json.dumps({"cookie": HIDDEN, "user": "me"}),
    ),
    "JSON within JSON": (
        json.dumps({"data": [json.dumps({"cookie": f"session={SECRET}", "user": "me"})]}),
        json.dumps({"data": [json.dumps({"cookie": HIDDEN, "user": "me"})]}),
    ),
    "JSON that was cut off": (f'{{"x-api-key": "{SECRET}', f'{{"x-api-key": "{HIDDEN}'),
    "a printed mapping": (
        str({"Authorization": SECRET, "host": "h"}),
        str({"Authorization": HIDDEN, "host": "h"}),
    ),
    "a list of headers in bytes": (
        f"[(b'cookie', b'{SECRET}'), (b'host', b'h')]",
        f"[(b'cookie', b'{HIDDEN}'), (b'host', b'h')]",
    ),
    "TorchServe's keys": (
        json.dumps({"management": {"key": SECRET, "expiration time": "soon"}}),
        json.dumps({"management": {"key": HIDDEN, "expiration time": "soon"}}),
    ),
    "TorchServe's key of its interface for keys": (
        json.dumps({"API": {"key": SECRET}}, indent=2),
        json.dumps({"API": {"key": HIDDEN}}, indent=2),
    ),
    "a query": (f"GET /v2?token={SECRET}&x=1", f"GET /v2?token={HIDDEN}&x=1"),
    "a form": (f"client_secret={SECRET}&x=1", f"client_secret={HIDDEN}&x=1"),
    "a signed address": (
        f"s3.example/m.mar?X-Amz-Signature={SECRET}",
        f"s3.example/m.mar?X-Amz-Signature={HIDDEN}",
    ),
    "a variable": (f"HF_TOKEN={SECRET} python", f"HF_TOKEN={HIDDEN} python"),
    "a line of config.properties": (f"keystore_pass={SECRET}", f"keystore_pass={HIDDEN}"),
    "an address with a password": ("https://me:pw@h/x", f"https://{HIDDEN}@h/x"),
    "an address with a token": ("git+https://gh_token@h/x", f"git+https://{HIDDEN}@h/x"),
}


@pytest.mark.parametrize("where", HOLDING)
def test_a_secret_is_taken_out_and_the_rest_is_left(where: str) -> None:
    text, left = HOLDING[where]
    assert redacted(text) == left


@pytest.mark.parametrize("where", HOLDING)
def test_redacting_twice_is_redacting_once(where: str) -> None:
    once = redacted(HOLDING[where][0])
    assert redacted(once) == once


READABLE = [
    "the token of the sentence is at position 5, and tokens=5 in all",
    "Unexpected token } in JSON at position 3",
    "TorchServe answers 400: Token Authorization failed. Token either incorrect or expired",
    "TS_DISABLE_TOKEN_AUTHORIZATION=true",
    "disable_token_authorization=true",
    "basic tensors, the basic operation and Basic authentication",
    "the bearer presents it",
    '{"instances": [{"key": "value", "token": "word", "secret": "of the model"}]}',
    '["authorization", "cookie", "traceparent"]',
    "only authorization and cookie are left out",
    "x@y of http://127.0.0.1:8080/v1/models?at=x@y",
    "2026-11-24T03:00:00,123 [INFO ] W-9000-contract_1.0 ACCESS_LOG - /127.0.0.1:40000",
]


@pytest.mark.parametrize("text", READABLE)
def test_what_only_looks_like_a_secret_stays_readable(text: str) -> None:
    assert redacted(text) == text


def test_a_curl_line_keeps_its_other_headers_and_its_body() -> None:
    def curl(cookie: str, authorization: str) -> str:
        headers = (f"cookie: {cookie}", f"authorization: {authorization}", "traceparent: 00-1")
        words = ["curl", "-sS", *(word for each in headers for word in ("-H", each))]
        return shlex.join([*words, "-d", '{"instances": [1]}', "http://127.0.0.1:8080/v1"])

    assert redacted(curl("a=b", f"Bearer {SECRET}")) == curl(HIDDEN, HIDDEN)


@pytest.mark.parametrize(
    "value",
    [
        {"error": "expected 2, got 1", "codes": [400, 404], "ready": True, "nothing": None},
        {"traceparent": "00-1", "x-request-id": "request-23"},
        [1.5, "é漢", {"data": [[1, -2], [3, 9007199254740993]]}],
        # A mapping whose member of this name is no text.
        {"authorization": None, "password": 5},
    ],
)
def test_values_of_checks_stay_as_they_are(value: Any) -> None:
    assert redacted(value) == value


def test_secrets_are_found_at_whatever_depth() -> None:
    value = {"headers": [{"Cookie": SECRET}, {"set-cookie": [SECRET, SECRET]}], "ok": (1, "a")}
    assert redacted(value) == {
        "headers": [{"Cookie": HIDDEN}, {"set-cookie": [HIDDEN, HIDDEN]}],
        "ok": [1, "a"],
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('File "/home/me/x/y.py", line 1', 'File "~/x/y.py", line 1'),
        ("file:///home/me/x", "file://~/x"),
        # Longer names and other places that only hold the same words.
        ("/mnt/home/me/x", "/mnt/home/me/x"),
        ("/home/mean/x", "/home/mean/x"),
        ("http://host/home/me/x", "http://host/home/me/x"),
    ],
)
def test_the_home_folder_is_not_told(
    text: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redaction, "_HOME", redaction._beginning("/home/me"))
    assert redacted(text) == shown


def test_a_home_at_the_root_leaves_addresses_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_HOME", redaction._beginning("/"))
    assert redacted("http://127.0.0.1//x") == "http://127.0.0.1//x"
