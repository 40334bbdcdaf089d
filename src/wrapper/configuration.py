"""config.properties as TorchServe reads it.

That is: the grammar of Java's properties, then ``$$NAME$$`` for what the environment has, then
``TS_*`` overrides where the file allows them, then TorchServe's defaults
(ConfigManager.java of 0.12.0; a test holds all this against what TorchServe prints).
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import javaproperties

from wrapper import address as addresses
from wrapper.address import Address

# TorchServe's own defaults (docs/configuration.md, "Configure TorchServe listening
# address and port"; unchanged from 0.5.3 to 0.12.0).
_DEFAULTS = {
    "inference_address": "http://127.0.0.1:8080",
    "management_address": "http://127.0.0.1:8081",
    "grpc_inference_address": "127.0.0.1",
    "grpc_inference_port": "7070",
    "grpc_management_address": "127.0.0.1",
    "grpc_management_port": "7071",
    "metrics_address": "http://127.0.0.1:8082",
    "metrics_mode": "log",
    "max_request_size": "6553500",
    "max_response_size": "6553500",
}
# What TorchServe takes where an address has no port (Connector.parse).
_DEFAULT_PORTS = {"inference_address": 80, "management_address": 8081, "metrics_address": 8082}

# The environment has no say in these (the fields of ConfigManager without the prefix TS_).
_NOT_OVERRIDABLE = ("enable_envvars_config", "model_snapshot")

# The headers that TorchServe gives with each answer.
_CORS = {
    "cors_allowed_origin": "access-control-allow-origin",
    "cors_allowed_methods": "access-control-allow-methods",
    "cors_allowed_headers": "access-control-allow-headers",
}

_VARIABLE = re.compile(r"\$\$([^$]+[^$])\$\$")
_INTEGER = re.compile(r"\+?[0-9]+")


class ConfigurationError(ValueError):
    """A config.properties that can't be used. Its text is one line: what, where, what to do."""


class TorchServeConfiguration:
    """The properties of one TorchServe, with what its environment overrides."""

    def __init__(
        self, properties: Mapping[str, str], environment: Mapping[str, str], source: str
    ) -> None:
        self._properties = properties
        self._environment = environment
        self._source = source
        self._overridable = properties.get("enable_envvars_config", "").lower() == "true"

    @classmethod
    def read(cls, path: Path, environment: Mapping[str, str]) -> TorchServeConfiguration:
        """Read the file that TorchServe was started with.

        Raises:
            ConfigurationError: when the file can't be read or isn't a properties file.
        """
        try:
            with path.open("rb") as file:
                properties = javaproperties.load(file)
        except OSError as error:
            raise ConfigurationError(
                f"CONFIG_PATH: {path} can't be read ({error.strerror}): set CONFIG_PATH to the "
                "config.properties that TorchServe was started with"
            ) from None
        except javaproperties.InvalidUEscapeError as error:
            raise ConfigurationError(
                f"CONFIG_PATH: {path} is no properties file: {error}"
            ) from None
        return cls(properties, environment, str(path))

    def get(self, key: str) -> str | None:
        """Give a property's value, or None where neither file, environment nor default has one."""
        if self._overridable and key not in _NOT_OVERRIDABLE:
            override = self._environment.get("TS_" + key.upper())
            if override is not None:
                return override
        if key in self._properties:
            return self._expanded(key)
        return _DEFAULTS.get(key)

    def address(self, key: str) -> Address:
        """Give the address behind a property such as ``inference_address``.

        Raises:
            ConfigurationError: when TorchServe would refuse it, or the wrapper can't speak to it.
        """
        value = self.get(key) or ""
        try:
            return addresses.read(value, _DEFAULT_PORTS[key])
        except addresses.AddressError as error:
            raise self._error(key, value, str(error)) from None

    def grpc_address(self, server: str) -> Address:
        """Give where one of TorchServe's gRPC servers listens, ``inference`` or ``management``.

        Raises:
            ConfigurationError: when the port is no number, or the host is empty.
        """
        host = self.get(f"grpc_{server}_address") or ""
        if not host:
            raise self._error(f"grpc_{server}_address", host, "write a host, or leave it out")
        return Address(addresses.reachable(host), self.integer(f"grpc_{server}_port"))

    def open_servers(self) -> dict[str, str]:
        """Give the properties by which TorchServe's servers listen on more than the loopback.

        The one for metrics is none of them: they are there to be read from outside.
        """
        hosts = {}
        for server in ("inference", "management"):
            hosts[f"{server}_address"] = addresses.host(self.get(f"{server}_address") or "")
            hosts[f"grpc_{server}_address"] = self.get(f"grpc_{server}_address") or ""
        return {
            key: self.get(key) or ""
            for key, host in hosts.items()
            if host and not addresses.is_loopback(host)
        }

    def integer(self, key: str) -> int:
        """Give the number behind a property such as ``max_request_size``.

        Raises:
            ConfigurationError: when it is none.
        """
        value = self.get(key) or ""
        if not _INTEGER.fullmatch(value):
            raise self._error(key, value, "write a number")
        return int(value)

    def cors(self) -> dict[str, str]:
        """Give the headers, names in lower case, that ``cors_allowed_*`` stand for.

        Raises:
            ConfigurationError: when one can't be a header.
        """
        headers = {}
        for key, name in _CORS.items():
            value = (self.get(key) or "").strip()
            if not (value.isascii() and (value.isprintable() or not value)):
                raise self._error(key, value, "write printable ASCII")
            if value:
                headers[name] = value
        return headers

    def models(self) -> tuple[str, ...]:
        """Give the names of the models that TorchServe loads when it starts.

        They are looked for in ``model_snapshot``, then ``load_models``, then, where that
        is ``all``, among the archives of ``model_store``. None means that only TorchServe
        itself can tell, such as where its command line has ``--models``.

        Raises:
            ConfigurationError: when ``model_snapshot`` can't be read.
        """
        return self._snapshot_models() or self._listed_models()

    def _snapshot_models(self) -> tuple[str, ...]:
        text = self.get("model_snapshot")
        if not text:
            return ()
        try:
            models: Any = json.loads(text)["models"]
            return tuple(sorted(models))
        except (ValueError, KeyError, TypeError):
            raise self._error(
                "model_snapshot", text, 'write JSON with a member "models": {NAME: {VERSION: {}}}'
            ) from None

    def _listed_models(self) -> tuple[str, ...]:
        listed = (self.get("load_models") or "").strip()
        if listed.upper() == "NONE":
            return ()
        if listed.upper() == "ALL":
            return tuple(sorted(_name_in(archive) for archive in self._store().glob("*.mar")))
        entries = [entry.strip() for entry in listed.split(",") if entry.strip()]
        return tuple(self._model_name(entry) for entry in entries)

    def _model_name(self, entry: str) -> str:
        name, equals, location = entry.partition("=")
        return name.strip() if equals else _name_in(self._store() / (location or name))

    def _store(self) -> Path:
        return Path(self.get("model_store") or "")

    def _expanded(self, key: str) -> str:
        def meant(found: re.Match[str]) -> str:
            value = self._environment.get(found[1])
            if value is None:
                raise self._error(
                    key, self._properties[key], f"the environment has no variable {found[1]}"
                )
            return value

        return _VARIABLE.sub(meant, self._properties[key])

    def _error(self, key: str, value: str, advice: str) -> ConfigurationError:
        shown = value if len(value) <= 80 else value[:77] + "..."
        return ConfigurationError(f"{self._source}: {key}={shown!r} can't be used: {advice}")


def _name_in(archive: Path) -> str:
    """Give the name that an archive has for its model, its file's where it can't be read."""
    try:
        with zipfile.ZipFile(archive) as opened:
            manifest = json.loads(opened.read("MAR-INF/MANIFEST.json"))
        return str(manifest["model"]["modelName"])
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return archive.stem
