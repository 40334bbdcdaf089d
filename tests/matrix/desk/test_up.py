"""``python -m matrix up``: what it refuses before it starts anything."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests import processes
from tests.matrix.telling import Matrix


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--kserve=0.13.2",), "; the nearest is 0.13.1"),
        (("--control-plane=0.7.0",), "; the nearest is 0.8.0"),
        (("--control-plane=after-remval",), "; the nearest is after-removal"),
        (("--torchserve=0.12.1",), "; the nearest is 0.12.0"),
        (("--control-plane=0.9.0", "--protocol-version=grpc-v2"), "--serving-runtime namesake"),
        (
            ("--control-plane=after-removal", "--serving-runtime=stock"),
            "namesake, annotated, other",
        ),
        (("--ports=8080",), "write the REST port and the gRPC port, as 8080,8081"),
        (("--mar=/no/such.mar",), "torch-model-archiver makes archives"),
    ],
    ids=" ".join,
)
def test_what_can_not_be_is_wrong_usage_and_one_line(
    words: tuple[str, ...], told: str, matrix: Matrix
) -> None:
    code, out, err = matrix("up", *words)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.endswith(f"{told}\n")
    assert err.count("\n") == 1


def test_a_port_that_is_held_is_told_before_anything_is_started(matrix: Matrix) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        code, out, err = matrix("up", f"--ports={port},1")
    assert (code, out) == (3, "")
    assert err == f"error: port {port}, which --ports names, is held: end what holds it\n"


def test_a_container_that_no_engine_runs_is_told_before_anything_is_started(tmp_path: Path) -> None:
    environment = {**processes.clean(), "DOCKER_HOST": f"unix://{tmp_path}/none"}
    ran = processes.run(["matrix", "up", "--runtime=container"], env=environment)
    assert (ran.returncode, ran.stdout) == (3, "")
    assert ran.stderr.startswith(
        "error: no container engine answers: start Docker, or use --runtime process. "
    )
    assert ran.stderr.count("\n") == 1


def test_an_archive_and_a_model_contradict_each_other(matrix: Matrix) -> None:
    code, _, err = matrix("up", "--model=digits", "--mar=any.mar")
    assert code == 2
    assert "argument --mar: not allowed with argument --model" in err
