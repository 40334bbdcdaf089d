"""TorchServe's token check, on by default since 0.11.1, is passed; on three SDKs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from fixtures.torchserve import configuration
from fixtures.torchserve.process import ProcessTorchServe
from matrix.running.timing import seconds_until
from tests.wrapper.running import RELEASES, start_torchserve, wrapper
from wrapper.torchserve import tokens

_KEYS = {"inference": {"key": "in"}, "management": {"key": "man"}, "API": {"key": "api"}}


def test_keys_follow_their_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_LOOK_AGAIN", 0)
    file = tmp_path / "key_file.json"
    keys = tokens.Keys(file)
    assert keys.headers(tokens.INFERENCE) == {}
    file.write_text("{")
    assert keys.headers(tokens.INFERENCE) == {}
    file.write_text(json.dumps(_KEYS))
    assert keys.headers(tokens.INFERENCE) == {"authorization": "Bearer in"}
    assert keys.headers(tokens.MANAGEMENT) == {"authorization": "Bearer man"}
    file.write_text(json.dumps({**_KEYS, "inference": {"key": "another"}}))
    assert keys.headers(tokens.INFERENCE) == {"authorization": "Bearer another"}
    assert "another" not in repr(keys)
    file.unlink()
    assert keys.headers(tokens.INFERENCE) == {}


def test_a_file_is_looked_at_now_and_then_and_at_once_after_a_refusal(tmp_path: Path) -> None:
    file = tmp_path / "key_file.json"
    keys = tokens.Keys(file)
    assert keys.headers(tokens.INFERENCE) == {}
    file.write_text(json.dumps(_KEYS))
    assert keys.headers(tokens.INFERENCE) == {}
    keys.forget()
    assert keys.headers(tokens.INFERENCE) == {"authorization": "Bearer in"}


def _start(**more: str) -> ProcessTorchServe:
    return start_torchserve("kserve", "contract", disable_token_authorization="false", **more)


@pytest.fixture(scope="module")
def split() -> Iterator[ProcessTorchServe]:
    """A TorchServe whose management has a port of its own."""
    with _start() as running:
        yield running


@pytest.fixture(scope="module")
def shared() -> Iterator[ProcessTorchServe]:
    """A TorchServe whose REST servers are one."""
    with _start(management_address=configuration.SHARED, enable_model_api="true") as running:
        yield running


@pytest.mark.integration
@pytest.mark.parametrize("ports", ["split", "shared"])
def test_torchserves_default_check_is_passed(
    ports: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    torchserve: ProcessTorchServe = request.getfixturevalue(ports)
    held = json.loads(torchserve.key_file.read_text())
    for release in RELEASES:
        more = {"TORCHSERVE_KEY_FILE": str(torchserve.key_file)}
        folder = tmp_path / release
        folder.mkdir()
        with wrapper(release, torchserve.instance, folder, more=more) as subject:
            answer = _predict(subject.url)
            assert answer.status_code == 200, answer.text
            # The client's own credentials are neither TorchServe's nor told to anybody.
            answer = _predict(subject.url, Authorization="Bearer mine", Cookie="a=mine")
            assert answer.status_code == 200, answer.text
            assert "mine" not in answer.text + str(answer.headers)
            log = subject.log()
            assert not [kind for kind in held if held[kind]["key"] in log]


@pytest.mark.integration
def test_a_model_is_unloaded_and_loaded_where_rest_takes_no_token_for_that(
    shared: ProcessTorchServe, tmp_path: Path
) -> None:
    more = {"TORCHSERVE_KEY_FILE": str(shared.key_file)}
    with wrapper(RELEASES[-1], shared.instance, tmp_path, more=more) as subject:
        for verb, status in (("unload", 404), ("load", 200)):
            path = f"{subject.url}/v2/repository/models/contract/{verb}"
            answer = requests.post(path, timeout=120)
            assert answer.status_code == 200, answer.text
            seconds_until(lambda status=status: _predict(subject.url).status_code == status, 30)  # type: ignore[misc]


@pytest.mark.integration
def test_without_its_key_file_the_wrapper_says_what_it_lacks(
    split: ProcessTorchServe, tmp_path: Path
) -> None:
    with wrapper(RELEASES[-1], split.instance, tmp_path, wait=False) as subject:
        seconds_until(lambda: _answers(subject.url), 30)
        assert _predict(subject.url).status_code == 503
        seconds_until(lambda: "refuses the wrapper's token" in subject.log(), 30)


@pytest.mark.integration
def test_an_expired_token_is_renewed_without_a_restart(tmp_path: Path) -> None:
    # A fraction of a minute is one, too: 12 s.
    with _start(token_expiration_min="0.2") as torchserve:
        more = {"TORCHSERVE_KEY_FILE": str(torchserve.key_file)}
        before = torchserve.key_file.read_text()
        with wrapper(RELEASES[1], torchserve.instance, tmp_path, more=more) as subject:
            # A request finds the inference token expired, readiness the management token: it asks
            # soon where somebody is told which versions there are.
            seconds_until(
                lambda: _index(subject.url).ok and torchserve.key_file.read_text() != before, 90
            )
            seconds_until(lambda: _predict(subject.url).status_code == 200, 5)
            # The next one may have expired by now.
            seconds_until(lambda: _answers(subject.url, "ready"), 5)


def _index(url: str) -> requests.Response:
    return requests.post(f"{url}/v2/repository/index", timeout=30)


def _answers(url: str, probe: str = "live") -> bool:
    try:
        return requests.get(f"{url}/v2/health/{probe}", timeout=30).ok
    except requests.ConnectionError:
        return False


def _predict(url: str, **headers: str) -> requests.Response:
    body = {"instances": [1]}
    path = f"{url}/v1/models/contract:predict"
    return requests.post(path, json=body, headers=headers, timeout=30)
