"""What TorchServe says of a model's workers is understood, over one connection per process."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from matrix.environments import provision
from matrix.planning.subject import REPOSITORY
from tests.wrapper.surroundings import settings
from tests.wrapper.torchserve.standin import READY, Standin, description
from wrapper.names import Target
from wrapper.torchserve.management import Management
from wrapper.torchserve.management_errors import ManagementError
from wrapper.torchserve.tokens import Keys


def _management(
    port: int, folder: Path, customized: bool = False, **environment: str
) -> Management:
    known = settings(folder, port, MODEL_LOAD_CUSTOMIZED=str(customized), **environment)
    return Management(known, Keys(None))


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (200, READY, None),
        (200, '[{"workers": [{"status": "UNLOADING"}, {"status": "READY"}]}]', None),
        (200, '[{"workers": [{"status": "UNLOADING"}]}]', "none of its 1 workers is READY"),
        (200, '[{"workers": [{"status": "READY", "pid": -1}]}]', "none of its 1 workers is READY"),
        (200, '[{"workers": []}]', "it has no worker"),
        (200, "[]", "it has no worker"),
        (200, "<html>", "TorchServe's answer about it can't be read"),
        (200, '{"code": 1}', "TorchServe's answer about it can't be read"),
        (404, "{}", "TorchServe answers 404 when asked about it"),
        (400, "{}", "TorchServe answers 400 when asked about it"),
    ],
)
def test_an_answer_is_understood(
    standin: Standin, tmp_path: Path, status: int, body: str, why: str | None
) -> None:
    standin.status, standin.body = status, body
    assert _management(standin.server_port, tmp_path).why_no_worker("digits") == why


def test_nobody_there_is_told(standin: Standin, tmp_path: Path) -> None:
    management = _management(9, tmp_path)
    assert (
        management.why_no_worker("digits") == "TorchServe doesn't answer (ConnectionRefusedError)"
    )


def test_customized_metadata_is_asked_for_where_it_is_wanted(
    standin: Standin, tmp_path: Path
) -> None:
    _management(standin.server_port, tmp_path, customized=True).why_no_worker("digits")
    _management(standin.server_port, tmp_path).why_no_worker("my model")
    assert standin.paths == [
        *("/models/digits?customized=true", "/models/digits/all"),
        "/models/my%20model/all",
    ]


def _several(path: str, _headers: object) -> tuple[int, str]:
    """Answer as a TorchServe with three versions, the second of which is the default one."""
    two = description("2.0", "UNLOADING")
    every = [description("1.0", "READY"), two, description("10")]
    return 200, json.dumps(every if path.endswith("/all") else [two])


def test_the_default_version_is_told_first_and_decides_whether_the_model_is_ready(
    standin: Standin, tmp_path: Path
) -> None:
    management = _management(standin.server_port, tmp_path)
    assert management.versions_last_seen("digits") == {}
    standin.answers = _several
    assert management.why_no_worker("digits") == "none of its 1 workers is READY"
    told = management.versions_last_seen("digits")
    assert list(told) == ["2.0", "1.0", "10"]
    assert list(told.values()) == ["none of its 1 workers is READY", None, "it has no worker"]
    described = management.last_described("digits") or ()
    assert [each.workers for each in described] == [("UNLOADING",), ("READY",), ()]
    standin.paths.clear()
    standin.answers = lambda *_: (200, json.dumps([description("1.0", "READY")]))
    assert management.why_no_worker("digits") is None
    assert management.versions_last_seen("digits") == {"1.0": None}
    # One question is enough where there is one version.
    assert standin.paths == ["/models/digits/all"]


def test_versions_are_known_while_torchserve_is_silent_and_go_with_their_model(
    standin: Standin, tmp_path: Path
) -> None:
    management = _management(standin.server_port, tmp_path)
    standin.answers = _several
    management.why_no_worker("digits")
    standin.answers = lambda *_: (500, "{}")
    why = management.why_no_worker("digits")
    assert management.versions_last_seen("digits") == dict.fromkeys(("2.0", "1.0", "10"), why)
    standin.answers = lambda *_: (404, "{}")
    management.why_no_worker("digits")
    assert management.versions_last_seen("digits") == {}


def test_the_connection_is_kept_and_made_anew_after_torchserve_has_gone(
    standin: Standin, tmp_path: Path
) -> None:
    management = _management(standin.server_port, tmp_path)
    for _ in range(3):
        assert management.why_no_worker("digits") is None
    assert standin.connections == 1
    management.close()
    assert management.why_no_worker("digits") is None
    assert standin.connections == 2


def test_a_forked_process_uses_a_connection_of_its_own(
    standin: Standin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    management = _management(standin.server_port, tmp_path)
    assert management.why_no_worker("digits") is None
    parent = os.getpid()
    # As in a child after a fork: the same object, another process id. Two processes that
    # write to one socket would read each other's answers.
    monkeypatch.setattr(os, "getpid", lambda: parent + 1)
    assert management.why_no_worker("digits") is None
    assert standin.connections == 2


def test_models_are_listed(standin: Standin, tmp_path: Path) -> None:
    standin.body = '{"models": [{"modelName": "b", "modelUrl": "b.mar"}, {"modelName": "a"}]}'
    assert _management(standin.server_port, tmp_path).models() == ("b", "a")
    standin.body = "[]"
    with pytest.raises(ManagementError, match="can't be read"):
        _management(standin.server_port, tmp_path).models()


def test_a_model_that_torchserve_stops_to_unload_is_unloaded_when_it_is_asked_again(
    standin: Standin, tmp_path: Path
) -> None:
    management = _management(standin.server_port, tmp_path)
    standin.statuses = [500, 200]
    management.unregister(Target("digits"))
    assert standin.paths == ["/models/digits"] * 2
    standin.statuses = [500, 500]
    with pytest.raises(ManagementError) as told:
        management.unregister(Target("digits"))
    assert told.value.status == 500


def test_a_connection_on_which_torchserve_is_silent_is_given_up_for_another(
    standin: Standin, tmp_path: Path
) -> None:
    management = _management(standin.server_port, tmp_path)
    assert management.why_no_worker("digits") is None
    # As with TorchServe while it loads a model for somebody else on the thread of a connection.
    standin.silent_connections = {1}
    began = time.monotonic()
    assert management.why_no_worker("digits") is None
    assert time.monotonic() - began < 1.0
    assert standin.connections == 2
    standin.silent_connections = set(range(100))
    began = time.monotonic()
    why = _management(standin.server_port, tmp_path, MODEL_LOAD_TIMEOUT="1").why_no_worker("digits")
    assert why == "TorchServe doesn't answer (TimeoutError)"
    assert 0.9 < time.monotonic() - began < 3.0


def test_an_answer_may_take_as_long_as_is_set(standin: Standin, tmp_path: Path) -> None:
    standin.delay = 1.2
    assert _management(standin.server_port, tmp_path).why_no_worker("digits") is None


def test_a_load_may_take_longer_than_a_question(standin: Standin, tmp_path: Path) -> None:
    management = _management(standin.server_port, tmp_path, MODEL_LOAD_TIMEOUT="0.2")
    standin.delay = 0.5
    management.register("digits", "digits.mar")
    assert "TimeoutError" in str(management.why_no_worker("digits"))


@pytest.mark.parametrize(
    ("envelope", "size", "warnings"),
    [("kserve", 4, 1), ("kservev2", 4, 1), ("kserve", 1, 0), ("kserve_faithful", 4, 0), ("", 4, 0)],
)
def test_batches_that_the_envelope_fails_on_are_told_once(
    standin: Standin,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    envelope: str,
    size: int,
    warnings: int,
) -> None:
    standin.body = json.dumps([{"batchSize": size, "workers": [{"status": "READY"}]}])
    known = settings(tmp_path, standin.server_port, f"service_envelope={envelope}")
    management = Management(known, Keys(None))
    for _ in range(3):
        assert management.why_no_worker("digits") is None
    told = [record for record in caplog.records if "batchSize 4" in record.getMessage()]
    assert len(told) == warnings


_ASKING = """
import os
from wrapper.protocol import PredictorProtocol
from wrapper.settings import Settings
from wrapper.names import Target
from wrapper.torchserve.management import Management
from wrapper.torchserve.tokens import Keys

settings = Settings.from_environment(os.environ, PredictorProtocol.REST_V1)
management = Management(settings, Keys(None))
print([management.why_no_worker("digits") for _ in range(2)])
"""


@pytest.mark.integration
def test_a_silent_connection_is_given_up_on_an_old_python_too(
    standin: Standin, tmp_path: Path
) -> None:
    # A socket's timeout is no TimeoutError there.
    environment = provision.provision("0.9.0")
    standin.silent_connections = {1}
    settings(tmp_path, standin.server_port)
    told = subprocess.run(
        [environment.python, "-c", _ASKING],
        env={"CONFIG_PATH": str(tmp_path / "config.properties")},
        cwd=REPOSITORY / "src",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.stdout, told.stderr) == ("[None, None]\n", "")
