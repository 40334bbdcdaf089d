"""What results keep of texts that hold secrets, and of texts that only look like it."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from kserve_conformance.results.results_file import read
from kserve_conformance.text import redaction
from kserve_conformance.text.redaction import HIDDEN, redacted

from tests.matrix import real_results

SECRET = "s3cret-Of/the+client=="
LETTERS = "secretOfTheClient=="

HOLDING = {
    "a header's line": (f"authorization: {SECRET}\nhost: h", f"authorization: {HIDDEN}\nhost: h"),
    "a header with other case": (f"Proxy-Authorization:{SECRET}", f"Proxy-Authorization:{HIDDEN}"),
    "a cookie that quotes": (f'cookie: a="1"; session={SECRET}', f"cookie: {HIDDEN}"),
    "an answer's cookie": (f"200\nSet-Cookie: a={SECRET}; Path=/", f"200\nSet-Cookie: {HIDDEN}"),
    "credentials in a log": (f"sent Bearer {SECRET} to it", f"sent Bearer {HIDDEN} to it"),
    "headers with escaped ends, in JSON": (
        json.dumps({"log": f"GET /\nCookie: a={SECRET}\nauthorization: {SECRET}\r\nhost: h"}),
        json.dumps({"log": f"GET /\nCookie: {HIDDEN}\nauthorization: {HIDDEN}\r\nhost: h"}),
    ),
    "headers with escaped ends, in bytes": (
        str(f"GET / HTTP/1.1\r\nauthorization: {SECRET}\r\n\r\n".encode()),
        str(f"GET / HTTP/1.1\r\nauthorization: {HIDDEN}\r\n\r\n".encode()),
    ),
    "credentials without a digit": (f"sent Bearer {LETTERS}", f"sent Bearer {HIDDEN}"),
    "credentials of a user": (f"sent Basic {LETTERS}", f"sent Basic {HIDDEN}"),
    "credentials in lower case": (f"basic {SECRET}", f"basic {HIDDEN}"),
    "a token in lower case": (f"bearer {SECRET}", f"bearer {HIDDEN}"),
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
    "JSON that was cut off in a log": (
        f'{{"x-api-key": "{SECRET}\nthe next "line"',
        f'{{"x-api-key": "{HIDDEN}\nthe next "line"',
    ),
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
    "TorchServe's keys, printed": (
        str({"inference": {"key": SECRET, "expiration time": "soon"}}),
        str({"inference": {"key": HIDDEN, "expiration time": "soon"}}),
    ),
    "TorchServe's keys in JSON within JSON": (
        json.dumps({"data": [json.dumps({"management": {"key": SECRET}})]}),
        json.dumps({"data": [json.dumps({"management": {"key": HIDDEN}})]}),
    ),
    "TorchServe's key of its interface for keys": (
        json.dumps({"API": {"key": SECRET}}, indent=2),
        json.dumps({"API": {"key": HIDDEN}}, indent=2),
    ),
    "a line of config.properties": (f"keystore_pass={SECRET}", f"keystore_pass={HIDDEN}"),
    "an address with a password": ("https://me:pw@h/x", f"https://{HIDDEN}@h/x"),
    "an address with a token": ("git+https://gh_token@h/x", f"git+https://{HIDDEN}@h/x"),
    "an address whose password has an @": ("https://me:p@w@h/x", f"https://{HIDDEN}@h/x"),
    "an address whose password has a slash": ("s3://me:p/w@h/x", f"s3://{HIDDEN}@h/x"),
    "an address of a package": (
        "git+https://me:pw@h/x.git@v1.0",
        f"git+https://{HIDDEN}@h/x.git@v1.0",
    ),
    "a key of AWS in its file": (
        f"aws_secret_access_key = {SECRET}\nregion = x",
        f"aws_secret_access_key = {HIDDEN}\nregion = x",
    ),
    "a key of AWS in JSON": (
        json.dumps({"AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "x"}),
        json.dumps({"AWS_SECRET_ACCESS_KEY": HIDDEN, "AWS_REGION": "x"}),
    ),
    "a printed environment": (
        str({"AWS_SECRET_ACCESS_KEY": SECRET, "HF_TOKEN": "x y", "HOME": "/h"}),
        str({"AWS_SECRET_ACCESS_KEY": HIDDEN, "HF_TOKEN": HIDDEN, "HOME": "/h"}),
    ),
    "YAML": (
        f"AWS_SECRET_ACCESS_KEY: {SECRET}\nAWS_REGION: x",
        f"AWS_SECRET_ACCESS_KEY: {HIDDEN}\nAWS_REGION: x",
    ),
    "a variable of a container": (
        f"- name: MY_TOKEN\n  value: {SECRET}\n- name: X\n  value: y",
        f"- name: MY_TOKEN\n  value: {HIDDEN}\n- name: X\n  value: y",
    ),
    "a variable of a container in JSON": (
        json.dumps([{"name": "MY_TOKEN", "value": SECRET}, {"name": "X", "value": "y"}]),
        json.dumps([{"name": "MY_TOKEN", "value": HIDDEN}, {"name": "X", "value": "y"}]),
    ),
    "an id of a key of AWS": ("as AKIAIOSFODNN7EXAMPLE.", f"as {HIDDEN}."),
    "AWS's header": (f"X-Amz-Security-Token: {SECRET}", f"X-Amz-Security-Token: {HIDDEN}"),
    "Google's header": (f"X-Goog-Api-Key: {SECRET}", f"X-Goog-Api-Key: {HIDDEN}"),
    "a header against forged requests": (f"X-CSRF-Token: {SECRET}", f"X-CSRF-Token: {HIDDEN}"),
    "Vault's header": (f"X-Vault-Token: {SECRET}", f"X-Vault-Token: {HIDDEN}"),
    "GitLab's header": (f"PRIVATE-TOKEN: {SECRET}\nhost: h", f"PRIVATE-TOKEN: {HIDDEN}\nhost: h"),
    "a folded header": (
        f"Authorization: Bearer\r\n {SECRET}\r\n\t{SECRET}\r\nHost: h",
        f"Authorization: {HIDDEN}\r\nHost: h",
    ),
    "a header that begins with its second line": (
        f"Cookie:\n  a={SECRET}\nhost: h",
        f"Cookie:{HIDDEN}\nhost: h",
    ),
    "a pair of a list": (
        str([["x-api-key", SECRET], ["host", "h"]]),
        str([["x-api-key", HIDDEN], ["host", "h"]]),
    ),
    "a pair of a list in JSON": (
        json.dumps([["cookie", f'a="1"; b={SECRET}'], ["host", "h"]]),
        json.dumps([["cookie", HIDDEN], ["host", "h"]]),
    ),
    "a pair that was cut off": (f"[['x-api-key', '{SECRET}", f"[['x-api-key', '{HIDDEN}"),
    "a password in a log": (
        f"login user=me password={SECRET} from 10.0.0.1",
        f"login user=me password={HIDDEN} from 10.0.0.1",
    ),
    "a quoted password in a log": ("password='a b', user='me'", f"password='{HIDDEN}', user='me'"),
    "an option": (f"serve --token {SECRET} --port 1", f"serve --token {HIDDEN} --port 1"),
    "an option with =": (f"--hf-token={SECRET} x", f"--hf-token={HIDDEN} x"),
    "a quoted option": ("--api-key 'a b' x", f"--api-key '{HIDDEN}' x"),
    "an option of a printed command": (
        str(["serve", "--token", SECRET, "--port"]),
        str(["serve", "--token", HIDDEN, "--port"]),
    ),
    "curl's user": (f"curl -sS -u me:{SECRET} http://h", f"curl -sS -u me:{HIDDEN} http://h"),
    "curl's quoted user": ("curl --user 'me:a b' http://h", f"curl --user 'me:{HIDDEN}' http://h"),
    "a key in a query": (f"GET /v2?key={SECRET}&x=1", f"GET /v2?key={HIDDEN}&x=1"),
    "a fragment": (f"/back#access_token={SECRET}&x=1", f"/back#access_token={HIDDEN}&x=1"),
    "a property with blanks": (f"keystore_pass = {SECRET}", f"keystore_pass = {HIDDEN}"),
    "a password of many signs": ("keystore_pass=a&b;c, x", f"keystore_pass={HIDDEN} x"),
    "a connection string": ("A=https;AccountKey=a/b==;E=1", f"A=https;AccountKey={HIDDEN};E=1"),
    "a quoted variable": ("HF_TOKEN='a b' python", f"HF_TOKEN='{HIDDEN}' python"),
    "a variable in double quotes": ('HF_TOKEN="a b" python', f'HF_TOKEN="{HIDDEN}" python'),
    "a variable that is quoted as a whole": (
        shlex.join(["env", "HF_TOKEN=a b", "python"]),
        shlex.join(["env", f"HF_TOKEN={HIDDEN}", "python"])
        .replace("'", "")
        .replace(f"HF_TOKEN={HIDDEN}", f"'HF_TOKEN={HIDDEN}'"),
    ),
    "an apostrophe within a shell's quotes": (
        shlex.join(["curl", "-H", "authorization: it's mine", "http://h"]),
        shlex.join(["curl", "-H", f"authorization: {HIDDEN}", "http://h"]),
    ),
    "a JSON web token": (
        "with eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl, and so on",
        f"with {HIDDEN}, and so on",
    ),
    "GitHub's token": (f"as ghp_{'a1B2' * 9} there", f"as {HIDDEN} there"),
    "Hugging Face's token": (f"as hf_{'abCD' * 8}xy there", f"as {HIDDEN} there"),
    "a token that looks like one": ("token: 9f86d081884c7d659a2feaa0", f"token: {HIDDEN}"),
    "a private key": (
        "k:\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY-----\nx",
        f"k:\n-----BEGIN RSA PRIVATE KEY-----{HIDDEN}-----END RSA PRIVATE KEY-----\nx",
    ),
    "a private key in JSON": (
        json.dumps({"k": "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n"}),
        json.dumps({"k": f"-----BEGIN PRIVATE KEY-----{HIDDEN}-----END PRIVATE KEY-----\n"}),
    ),
    "a private key that was cut off": (
        "-----BEGIN PRIVATE KEY-----\nMIIE",
        f"-----BEGIN PRIVATE KEY-----{HIDDEN}",
    ),
}


# Names of what is secret, by the form in which it stands.
NAMES = {
    '{{"{name}": "{value}", "user": "me"}}': (
        *("authorization", "Proxy-Authorization", "cookie", "Set-Cookie", "x-api-key"),
        *("X-Auth-Token", "access_token", "id-token", "refresh_token", "client_secret"),
        *("client-secret", "password", "keystore_pass"),
    ),
    "GET /v2?x=1&{name}={value}&y=1": (
        *("token", "access_token", "id_token", "refresh_token", "api_key", "apikey", "sig"),
        *("client_secret", "password", "signature", "X-Amz-Signature", "X-Goog-Signature"),
        *("X-Amz-Credential", "X-Amz-Security-Token"),
    ),
    "s3.example/m.mar?{name}={value}": ("X-Amz-Signature", "sig"),
    "{name}={value}&x=1": ("client_secret", "apikey"),
    "{name}={value} python": (
        *("CLIENT_SECRET", "HF_TOKEN", "DB_PASSWORD", "MINIO_ACCESS_KEY", "OPENAI_API_KEY"),
    ),
}


@pytest.mark.parametrize(
    ("form", "name"), [(form, name) for form, names in NAMES.items() for name in names]
)
def test_each_name_of_a_secret_is_known(form: str, name: str) -> None:
    assert redacted(form.format(name=name, value=SECRET)) == form.format(name=name, value=HIDDEN)


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
    '{"eos_token": "</s>", "pad_token": "<pad>", "token_type_ids": [0], "tokens": ["a"]}',
    "EOS_TOKEN: </s>, UNEXPECTED_TOKEN: }, token=word secret=word",
    "Check token authorization documentation for information: https://github.com/pytorch/serve",
    "Key file located at /home/model-server/key_file.json",
    "the option --token is missing, and --disable-token-auth does without; --max-token 5",
    "a KeyError: 'key', the key: value, ?x=key, keys=3, api keys: none",
    "docker run -u 1000:1000 --user 1000:1000 image",
    "curl -sS -H 'x: y' http://127.0.0.1:8080/v1/models/a:predict -d '{\"u\": 1}'",
    "models/hf_model_for_the_digits, hf_textgenerationserver, sk-learn-model, bert-base-uncased",
    "http://[::1]:8080/a@b http://h:80/x@y http://h:80?q=x@y grpc://127.0.0.1:8081",
    "eyJ is how base64 of an object begins, eyJhIjogMX0=",
    "passwordless access, private_key_file=/x, API_KEY_FILE: /x, PASSWORD_FILE=/y",
    '{"inputs": [{"name": "api_key", "datatype": "BYTES", "shape": [1], "data": ["a"]}]}',
    'File "/x/kserve/model.py", line 1, in __call__\n    response = self.get(token)',
    "    self.password = password, self._password = None",
    "    authorization = request.headers.get('Authorization')",
    "    return Credentials(username=username, password=password)",
    "run(ssl_keyfile_password=ssl_keyfile_password, password='')",
    "    def get(self, cookie: Optional[str] = None, password: str = ''):",
    "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
]


@pytest.mark.parametrize("text", READABLE)
def test_what_only_looks_like_a_secret_stays_readable(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize("name", ["default", "process", "unfixed", "mutant"])
def test_nothing_is_taken_out_of_the_evidence_of_real_runs(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The home folder here may be where another machine, which made the runs, had its Python.
    monkeypatch.setattr(redaction, "_HOME", None)
    for record in read(real_results.path(name)).records:
        kept = [record.message, record.expected, record.observed, dict(record.evidence)]
        assert redacted(kept) == kept


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
        # Names of tensors and a list of names, and members that are no texts.
        [
            {"name": "token", "data": ["a"]},
            ["authorization", "cookie"],
            [["a"], 1],
            {"name": ["b"]},
        ],
        [1.5, "é漢", {"data": [[1, -2], [3, 9007199254740993]]}],
        # Names that only begin as those of secrets.
        {"cookie_names": "a", "password_rules": ["long"]},
        # A mapping whose member of this name is no text.
        {"authorization": None, "password": 5},
    ],
)
def test_values_of_checks_stay_as_they_are(value: Any) -> None:
    assert redacted(value) == value


def test_secrets_are_found_at_whatever_depth() -> None:
    value = {
        "headers": [{"Cookie": SECRET}, {"set-cookie": [SECRET, SECRET]}, ["x-api-key", SECRET]],
        "env": [{"name": "MY_TOKEN", "value": SECRET}, {"AWS_SECRET_ACCESS_KEY": SECRET}],
        "ok": (1, "a"),
    }
    assert redacted(value) == {
        "headers": [{"Cookie": HIDDEN}, {"set-cookie": [HIDDEN, HIDDEN]}, ["x-api-key", HIDDEN]],
        "env": [{"name": "MY_TOKEN", "value": HIDDEN}, {"AWS_SECRET_ACCESS_KEY": HIDDEN}],
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
