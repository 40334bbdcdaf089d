"""config.properties as TorchServe reads it: Java properties grammar, then ``TS_*`` overrides."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import javaproperties

# TorchServe's own defaults (docs/configuration.md, "Configure TorchServe listening
# address and port"; unchanged from 0.5.3 to 0.12.0).
_DEFAULTS = {
    "inference_address": "http://127.0.0.1:8080",
    "management_address": "http://127.0.0.1:8081",
    "grpc_inference_port": "7070",
    "grpc_management_port": "7071",
    "max_request_size": "6553500",
    "max_response_size": "6553500",
}
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class ConfigurationError(ValueError):
    """A config.properties that can't be used. Its text is one line: what, where, what to do."""


@dataclasses.dataclass(frozen=True)
class Address:
    """Where one of TorchServe's servers listens, as the wrapper can reach it."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


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
        if self._overridable:
            override = self._environment.get("TS_" + key.upper())
            if override:
                return override
        return self._properties.get(key, _DEFAULTS.get(key)) or None

    def address(self, key: str) -> Address:
        """Give the address behind a property such as ``inference_address``.

        Raises:
            ConfigurationError: when it isn't ``http://HOST:PORT``.
        """
        value = self.get(key) or ""
        parts = urlsplit(value.strip())
        try:
            port = parts.port
        except ValueError:
            port = None
        if parts.scheme != "http" or not parts.hostname or port is None:
            raise self._error(key, value, "write it as http://HOST:PORT")
        return Address(_WILDCARDS.get(parts.hostname, parts.hostname), port)

    def grpc_inference_address(self) -> Address:
        """Give where TorchServe's gRPC inference server listens.

        Raises:
            ConfigurationError: when the port is no number.
        """
        return self._grpc_address("inference")

    def grpc_management_address(self) -> Address:
        """Give where TorchServe's gRPC management server listens.

        Raises:
            ConfigurationError: when the port is no number.
        """
        return self._grpc_address("management")

    def integer(self, key: str) -> int:
        """Give the number behind a property such as ``max_request_size``.

        Raises:
            ConfigurationError: when it is none.
        """
        value = self.get(key) or ""
        if not value.isdigit():
            raise self._error(key, value, "write a number")
        return int(value)

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
        if text is None:
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
            store = Path(self.get("model_store") or "")
            return tuple(sorted(archive.stem for archive in store.glob("*.mar")))
        entries = [entry.strip() for entry in listed.split(",") if entry.strip()]
        return tuple(_model_name(entry) for entry in entries)

    def _grpc_address(self, server: str) -> Address:
        port = self.integer(f"grpc_{server}_port")
        host = self.get(f"grpc_{server}_address") or self.address(f"{server}_address").host
        return Address(_WILDCARDS.get(host, host), port)

    def _error(self, key: str, value: str, advice: str) -> ConfigurationError:
        shown = value if len(value) <= 80 else value[:77] + "..."
        return ConfigurationError(f"{self._source}: {key}={shown!r} can't be used: {advice}")


def _model_name(entry: str) -> str:
    name, equals, location = entry.partition("=")
    return name.strip() if equals else Path(location or name).stem
