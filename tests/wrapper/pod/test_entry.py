"""``python -m wrapper.pod`` as the container's entry point: what it starts, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import processes
from tests.wrapper.pod.running import stand_in_pod

SAYS = """
import os, sys, time
print(NAME, sys.argv[1:], os.environ["CONFIG_PATH"], flush=True)
time.sleep(60)
"""


def test_both_are_told_what_is_theirs(tmp_path: Path) -> None:
    flags = ("--foreground", "--ncs", "--", "--workers", "2")
    programs = (f"NAME = 'torchserve'{SAYS}", f"NAME = 'wrapper'{SAYS}")
    with stand_in_pod(tmp_path, *programs, *flags) as pod:
        pod.wait_for(lambda: pod.log.count("config.properties\n") == 2)
        config = tmp_path / "config.properties"
        theirs = ["--start", f"--ts-config={config}", "--ncs"]
        assert f"torchserve | torchserve {theirs} {config}\n" in pod.log
        assert f"wrapper    | wrapper {['-m', 'wrapper', '--workers', '2']} {config}\n" in pod.log
        assert pod.end() == 0


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        ((), {"PROTOCOL_VERSION": "V2"}, "PROTOCOL_VERSION='V2' is not supported: "),
        ((), {"JAVA_HOME": "/none"}, "Java, which TorchServe runs on (JAVA_HOME=/none has none),"),
        ((), {"SHUTDOWN_GRACE_PERIOD": "long"}, "SHUTDOWN_GRACE_PERIOD='long' can't be used: "),
        (("--ts-config",), {}, "TorchServe's command can't be read: "),
    ],
)
def test_a_start_that_can_not_be_is_refused_before_anything_is_started(
    arguments: tuple[str, ...], environment: dict[str, str], said: str, tmp_path: Path
) -> None:
    started = f"open({str(tmp_path / 'started')!r}, 'w')"
    with stand_in_pod(
        tmp_path, started, started, *arguments, launcher=started, more=environment
    ) as pod:
        assert pod.process.wait(60) == 2
        assert pod.log.startswith(said)
        assert pod.log.count("\n") == 1
        assert pod.termination_message == pod.log
        assert not (tmp_path / "started").exists()


def test_a_program_that_can_not_be_run_is_one_line(tmp_path: Path) -> None:
    broken = tmp_path / "interpreter"
    broken.write_text("no program")
    broken.chmod(0o755)
    more = {"WRAPPER_PYTHON": str(broken)}
    with stand_in_pod(tmp_path, SAYS, SAYS, more=more) as pod:
        assert pod.process.wait(60) == 2
        assert f"{broken} can't be run: Exec format error\n" in pod.log
        assert pod.termination_message == f"{broken} can't be run: Exec format error\n"


def test_it_tells_its_usage() -> None:
    ended = processes.run(["wrapper.pod", "--help"])
    assert ended.returncode == 0
    assert ended.stdout.startswith("usage: python -m wrapper.pod [torchserve --start ARGUMENT...]")
