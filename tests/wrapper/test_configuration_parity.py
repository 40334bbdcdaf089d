"""Each file of configurations.toml means to the wrapper what it means to a real TorchServe."""

from __future__ import annotations

import ipaddress
import json
import shutil
import tomllib
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from fixtures import models
from fixtures.torchserve import class_archive, printout, process, releases
from fixtures.torchserve.ports import Lease
from matrix.running.timing import seconds_until
from wrapper.address import Address
from wrapper.configuration import ConfigurationError, TorchServeConfiguration

FILES = {
    file["name"]: file
    for file in tomllib.loads(Path(__file__).with_name("configurations.toml").read_text())["file"]
}
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}
Fill = Callable[[str], str]


@pytest.fixture
def filled(tmp_path: Path) -> Any:
    """Give what replaces the words of a text by ports and by a model store."""
    store = tmp_path / "store"
    store.mkdir()
    for archive, name in (("contract", "first"), ("echo", "second")):
        shutil.copy(models.archive(archive), store / f"{name}.mar")
    lease = Lease()
    words = {
        "@store@": str(store),
        **dict(zip(("@a@", "@b@", "@c@", "@d@", "@e@"), lease.ports, strict=True)),
    }

    def fill(text: str) -> str:
        for word, value in words.items():
            text = text.replace(word, str(value))
        return text

    yield fill
    lease.end()


@pytest.mark.integration
@pytest.mark.parametrize("name", FILES)
def test_a_file_means_what_it_means_to_torchserve(name: str, filled: Fill, tmp_path: Path) -> None:
    file = FILES[name]
    config = tmp_path / "config.properties"
    # Without tokens, so that it can be asked for its models.
    text = filled(file["text"]) + "\ndisable_token_authorization=true\n"
    config.write_text(text, newline="")
    environment = {key: filled(value) for key, value in file.get("environment", {}).items()}
    listens = file.get("grpc", False) or file.get("models", False)
    home = process.environment_of(releases.find("0.12.0"))
    with printout.of(
        home,
        config,
        tmp_path / "store",
        environment,
        file.get("arguments", ()),
        jvm=class_archive.settings(home).split(),
        for_listening=listens,
    ) as torchserve:
        refusal = torchserve.refusal()
        if "refused" in file:
            with pytest.raises(ConfigurationError) as told:
                _read(config, environment)
            assert file["refused"] in str(told.value)
            assert str(config) in str(told.value)
            assert (refusal is None) == ("because" in file), refusal
            return
        read = _read(config, environment)
        if "lenient" in file:
            assert refusal is not None
            return
        assert refusal is None, refusal
        assert read["inference"] == _printed(torchserve.value("Inference address"))
        assert read["management"] == _printed(torchserve.value("Management address"))
        assert str(read["max_request_size"]) == torchserve.value("Maximum Request Size")
        assert str(read["max_response_size"]) == torchserve.value("Maximum Response Size")
        if file.get("grpc"):
            wanted = {read["grpc_inference"], read["grpc_management"]}
            pid = torchserve.process.pid
            seconds_until(lambda: wanted <= _listening(pid), 60, f"listening on {wanted}")
        if file.get("models"):
            _compare_models(read, has_command_line="arguments" in file)


def _compare_models(read: Mapping[str, Any], *, has_command_line: bool) -> None:
    if has_command_line:
        # A file can't tell them; TorchServe is asked while it runs (test_discovery.py).
        assert read["models"] == ()
        return
    url = f"http://{read['management']}/models"

    def served() -> list[str]:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return [model["modelName"] for model in json.load(answer)["models"]]

    seconds_until(lambda: len(served()) >= len(read["models"]), 60, "the models' registration")
    assert sorted(served()) == sorted(read["models"])


def _read(config: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    configuration = TorchServeConfiguration.read(config, environment)
    return {
        "inference": configuration.address("inference_address"),
        "management": configuration.address("management_address"),
        "grpc_inference": configuration.grpc_address("inference"),
        "grpc_management": configuration.grpc_address("management"),
        "max_request_size": configuration.integer("max_request_size"),
        "max_response_size": configuration.integer("max_response_size"),
        "models": configuration.models(),
    }


def _printed(address: str) -> Address:
    host, port = address.partition("://")[2].rsplit(":", 1)
    return Address(_WILDCARDS.get(host, host), int(port))


def _listening(pid: int) -> set[Address]:
    found = set()
    for connection in psutil.Process(pid).net_connections():
        if connection.status == psutil.CONN_LISTEN:
            ip = ipaddress.ip_address(connection.laddr.ip)
            host = str(getattr(ip, "ipv4_mapped", None) or ip)
            # Java's server for 0.0.0.0 listens on ::, for both families.
            found.add(Address("127.0.0.1" if host == "::" else host, connection.laddr.port))
    return found
