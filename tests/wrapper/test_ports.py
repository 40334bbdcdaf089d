"""A port that the wrapper and TorchServe both want is named with both owners."""

from pathlib import Path

from tests.wrapper.surroundings import settings
from wrapper import ports


def test_both_owners_are_named(tmp_path: Path) -> None:
    known = settings(tmp_path, 8081)
    assert ports.clash({"--http_port": 8080, "--grpc_port": 8081}, known) == (
        "port 8081 is wanted twice: by the wrapper (--grpc_port) and by TorchServe "
        "(inference_address): give one of them another port"
    )
    assert ports.clash({"--http_port": 7071}, known) is not None


def test_ports_of_their_own_and_another_host_are_no_clash(tmp_path: Path) -> None:
    assert ports.clash({"--http_port": 8080}, settings(tmp_path, 8085)) is None
    elsewhere = settings(
        tmp_path, 8085, "grpc_inference_address=10.0.0.9\ngrpc_inference_port=8080"
    )
    assert ports.clash({"--http_port": 8080}, elsewhere) is None
