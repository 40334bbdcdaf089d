"""What is started, and what is refused before anything is."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

from wrapper.pod.arguments import Arguments
from wrapper.pod.plan import Plan, PlanError
from wrapper.protocol import PredictorProtocol
from wrapper.settings import SettingsError


@dataclasses.dataclass
class Pod:
    """A container with all that is needed, of which tests take something away."""

    folder: Path

    def __post_init__(self) -> None:
        self.store.mkdir()
        self.config.write_text("")
        self.programs.mkdir()
        for name in ("torchserve", "java", "python"):
            (self.programs / name).write_text("#!")
            (self.programs / name).chmod(0o755)

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def config(self) -> Path:
        return self.folder / "config.properties"

    @property
    def programs(self) -> Path:
        return self.folder / "programs"

    def plan(self, *words: str, **environment: str) -> Plan:
        """Make the plan for the arguments of the runtime, with these folders, or for others."""
        usual = ("torchserve", f"--model-store={self.store}", f"--ts-config={self.config}")
        return Plan.make(
            Arguments.parse(words or usual),
            {"PATH": str(self.programs), **environment},
            PredictorProtocol.REST_V1,
        )


@pytest.fixture
def pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pod:
    """A container that works in the folder where its programs are."""
    monkeypatch.chdir(tmp_path)
    return Pod(tmp_path)


def test_both_commands_and_their_environment(pod: Pod) -> None:
    plan = pod.plan("torchserve", "--model-store=store", "--start", "--", "--workers", "2")
    assert plan.torchserve == (
        str(pod.programs / "torchserve"),
        "--model-store=store",
        "--start",
    )
    assert plan.wrapper == (sys.executable, "-m", "wrapper", "--workers", "2")
    assert plan.environment == {
        "PATH": str(pod.programs),
        # That of its working directory, as in TorchServe.
        "CONFIG_PATH": str(pod.config),
        "SHUTDOWN_GRACE_PERIOD": "23",
        "TORCHSERVE_KEY_FILE": str(pod.folder / "key_file.json"),
    }
    assert plan.grace_period == 23
    assert plan.warnings == ()


def test_what_is_set_stays(pod: Pod) -> None:
    told = {
        "CONFIG_PATH": str(pod.config),
        "SHUTDOWN_GRACE_PERIOD": "100",
        "TORCHSERVE_KEY_FILE": "/keys",
    }
    plan = pod.plan(**told)
    assert {name: plan.environment[name] for name in told} == told
    assert plan.grace_period == 100


def test_the_wrapper_may_have_an_interpreter_of_its_own(pod: Pod) -> None:
    assert pod.plan(WRAPPER_PYTHON="python").wrapper[0] == str(pod.programs / "python")


def test_torchserves_variable_names_its_configuration_before_its_option(pod: Pod) -> None:
    other = pod.folder / "other.properties"
    other.write_text("")
    assert pod.plan(TS_CONFIG_FILE=str(other)).environment["CONFIG_PATH"] == str(other)


def test_two_configurations_are_told(pod: Pod) -> None:
    other = pod.folder / "other.properties"
    other.write_text("")
    (line,) = pod.plan(CONFIG_PATH=str(other)).warnings
    assert line.startswith(
        f"TorchServe reads {pod.config}, and the wrapper reads CONFIG_PATH={other}"
    )


def test_a_torchserve_that_is_open_is_told(pod: Pod) -> None:
    pod.config.write_text(
        "inference_address=http://0.0.0.0:8085\nmanagement_address=http://[::1]:8086\n"
        "metrics_address=http://0.0.0.0:8082\ngrpc_inference_address=10.0.0.1\n"
    )
    (line,) = pod.plan().warnings
    assert "(inference_address=http://0.0.0.0:8085, grpc_inference_address=10.0.0.1)" in line
    assert line.endswith(f"write 127.0.0.1 there in {pod.config}")


@pytest.mark.parametrize(
    "name",
    [
        "inference_address",
        "management_address",
        "grpc_inference_address",
        "grpc_management_address",
    ],
)
def test_each_server_of_torchserve_is_told_where_it_is_open(pod: Pod, name: str) -> None:
    scheme = "" if name.startswith("grpc") else "http://"
    for host, is_open in {
        "127.0.0.1": False,
        "127.0.0.3": False,
        "localhost": False,
        "0.0.0.0": True,
        "10.0.0.1": True,
        "pod.example": True,
    }.items():
        pod.config.write_text(f"{name}={scheme}{host}\n")
        told = [line for line in pod.plan().warnings if f"({name}={scheme}{host})" in line]
        assert bool(told) == is_open, host


def test_a_configuration_that_is_not_there_is_refused(pod: Pod) -> None:
    pod.config.unlink()
    with pytest.raises(PlanError, match=f"^--ts-config={pod.config} is no file: "):
        pod.plan()
    with pytest.raises(PlanError, match=r"^TS_CONFIG_FILE=/none is no file: "):
        pod.plan(TS_CONFIG_FILE="/none")


def test_what_the_wrapper_would_refuse_is_refused(pod: Pod) -> None:
    pod.config.write_text("inference_address=https://127.0.0.1:8085\n")
    with pytest.raises(SettingsError, match="doesn't speak TLS"):
        pod.plan()


def test_a_model_store_that_is_not_there_is_refused(pod: Pod) -> None:
    pod.store.rmdir()
    with pytest.raises(PlanError, match=f"^--model-store={pod.store} is no folder: "):
        pod.plan()
    with pytest.raises(PlanError, match="give it --model-store=FOLDER"):
        pod.plan("torchserve", "--start")
    pod.config.write_text("model_store=/none\n")
    with pytest.raises(PlanError, match=r"^model_store of config.properties=/none is no folder"):
        pod.plan("torchserve", "--start")


@pytest.mark.parametrize(
    ("name", "environment", "said"),
    [
        ("torchserve", {}, "TorchServe can't be run, since it is no program here"),
        ("java", {}, "Java, which TorchServe runs on (there is none on the PATH), can't be run"),
        ("", {"JAVA_HOME": "/none"}, "Java, which TorchServe runs on (JAVA_HOME=/none has none)"),
        ("", {"WRAPPER_PYTHON": "/none"}, "WRAPPER_PYTHON=/none can't be run"),
    ],
)
def test_a_program_that_is_not_there_is_refused(
    name: str, environment: dict[str, str], said: str, pod: Pod
) -> None:
    if name:
        (pod.programs / name).unlink()
    with pytest.raises(PlanError) as raised:
        pod.plan(**environment)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
