"""``python -m wrapper.envelopes install`` puts the envelopes where TorchServe looks for them."""

import os
import subprocess
import sys
from pathlib import Path

from wrapper.envelope import Envelope
from wrapper.envelopes import MODULES, NAMES


def _install(folder: Path) -> "subprocess.CompletedProcess[str]":
    # -S: without the packages of this environment, as beside a TorchServe without the SDK.
    source = Path(__file__).parents[3] / "src"
    variables = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{source}"}
    command = [sys.executable, "-S", "-m", "wrapper.envelopes", "install"]
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)


def test_they_are_copied_and_said_to_be(tmp_path: Path) -> None:
    folder = tmp_path / "ts" / "torch_handler" / "request_envelope"
    folder.mkdir(parents=True)
    (tmp_path / "ts" / "__init__.py").write_text("raise RuntimeError('not to be imported')")
    for _ in range(2):
        done = _install(tmp_path)
        assert done.returncode == 0, done.stderr
        assert [line.split()[0] for line in done.stdout.splitlines()] == [
            f"service_envelope={name}" for name in NAMES
        ]
    assert sorted(path.stem for path in folder.iterdir()) == sorted(MODULES)


def test_without_torchserve_it_says_so_in_a_line(tmp_path: Path) -> None:
    done = _install(tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("TorchServe is not installed for ")
    assert done.stderr.count("\n") == 1


def test_the_wrapper_knows_each_of_them() -> None:
    assert {Envelope.named(name).speaks for name in NAMES} == {"V1", "V2"}
