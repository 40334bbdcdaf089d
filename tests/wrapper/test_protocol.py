"""PROTOCOL_VERSION is parsed as documented and refused in one line, fast, everywhere it is told."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wrapper import protocol
from wrapper.protocol import PredictorProtocol, UnsupportedProtocolError

LINE = "PROTOCOL_VERSION={!r} is not supported: use v1, v2 or grpc-v2 (unset means v1)"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, PredictorProtocol.REST_V1),
        ("", PredictorProtocol.REST_V1),
        ("v1", PredictorProtocol.REST_V1),
        ("v2", PredictorProtocol.REST_V2),
        ("grpc-v2", PredictorProtocol.GRPC_V2),
    ],
)
def test_parse_gives_the_protocol(value: str | None, expected: PredictorProtocol) -> None:
    assert protocol.parse(value) is expected


@pytest.mark.parametrize(
    ("value", "near"),
    [
        ("v3", None),
        ("None", None),
        ("V1", "v1"),
        ("1", "v1"),
        (" v1 ", "v1"),
        ("2", "v2"),
        ("grpc-v1", "grpc-v2"),
        ("GRPC_V2", "grpc-v2"),
    ],
)
def test_parse_refuses_with_one_line_and_a_hint(value: str, near: str | None) -> None:
    with pytest.raises(UnsupportedProtocolError) as refused:
        protocol.parse(value)
    hint = f" - did you mean '{near}'?" if near else ""
    assert str(refused.value) == LINE.format(value) + hint


def test_a_protocol_compares_equal_to_its_text() -> None:
    text: str = PredictorProtocol.REST_V1
    assert text == "v1"
    assert f"{PredictorProtocol.GRPC_V2}" == "grpc-v2"


def test_unset_is_v1() -> None:
    assert protocol.from_environment({}) is PredictorProtocol.REST_V1


def _run(termination_log: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "wrapper"],
        env={**os.environ, "TERMINATION_LOG_PATH": str(termination_log), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def _without_import_times(stderr: str) -> str:
    return "".join(line for line in stderr.splitlines(True) if not line.startswith("import time:"))


def test_the_process_exits_2_with_the_line_and_the_termination_log(tmp_path: Path) -> None:
    log = tmp_path / "termination-log"
    ended = _run(log, PROTOCOL_VERSION="v3")
    assert ended.returncode == 2
    assert _without_import_times(ended.stderr) == LINE.format("v3") + "\n"
    assert ended.stdout == ""
    assert log.read_text() == LINE.format("v3") + "\n"


def test_nothing_heavy_is_imported_before_the_refusal(tmp_path: Path) -> None:
    stderr = _run(tmp_path / "log", PROTOCOL_VERSION="v3").stderr
    imported = {line.rsplit("|", 1)[-1].strip() for line in stderr.splitlines()}
    assert "wrapper.protocol" in imported
    heavy = {"kserve", "aiohttp", "httptools", "grpc", "asyncio", "javaproperties", "numpy"}
    assert not imported & heavy


def test_a_termination_log_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    ended = _run(tmp_path / "no such folder" / "log", PROTOCOL_VERSION="v3")
    assert ended.returncode == 2
    assert _without_import_times(ended.stderr) == LINE.format("v3") + "\n"


def test_a_configuration_that_cannot_be_read_is_one_line_too(tmp_path: Path) -> None:
    log = tmp_path / "termination-log"
    ended = _run(log, PROTOCOL_VERSION="v1", CONFIG_PATH=str(tmp_path / "absent.properties"))
    assert ended.returncode == 2
    line = _without_import_times(ended.stderr)
    assert line.startswith("CONFIG_PATH: ")
    assert "absent.properties" in line
    assert line.count("\n") == 1
    assert log.read_text() == line


def test_a_missing_sdk_is_one_line_too(tmp_path: Path) -> None:
    config = tmp_path / "config.properties"
    config.write_text("load_models=digits.mar\n")
    # Isolated from site-packages, where some machines have an SDK.
    (tmp_path / "kserve_is_absent.py").write_text(
        "import importlib.util, runpy\n"
        "found = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *more: "
        "None if name == 'kserve' else found(name, *more)\n"
        "runpy.run_module('wrapper', run_name='__main__')\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "PROTOCOL_VERSION"}
    ended = subprocess.run(
        [sys.executable, str(tmp_path / "kserve_is_absent.py")],
        env={
            **environment,
            "CONFIG_PATH": str(config),
            "TERMINATION_LOG_PATH": str(tmp_path / "l"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("The KServe SDK is not installed here: pip install kserve")
    assert ended.stderr.count("\n") == 1
