"""Everything that the wrapper is told from outside, as one frozen value."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from wrapper.configuration import Address, ConfigurationError, TorchServeConfiguration
from wrapper.protocol import VARIABLE, PredictorProtocol

_CONFIG_PATH = "/mnt/models/config/config.properties"


class SettingsError(ValueError):
    """A setting that can't be used. Its text is one line: what, where, what to do."""


@dataclasses.dataclass(frozen=True)
class LoadPolicy:
    """How the wrapper asks TorchServe whether a model is ready.

    Attributes:
        warn_after: seconds without a READY worker after which the log says so, which is
            ``MODEL_LOAD_MAX_TRY`` times ``MODEL_LOAD_DELAY``. The wrapper goes on asking.
        timeout: seconds that one question may take (``MODEL_LOAD_TIMEOUT``).
        customized: whether TorchServe adds the model's own metadata to its answer
            (``MODEL_LOAD_CUSTOMIZED``), which loads of some handlers depend on.
    """

    warn_after: float
    timeout: float
    customized: bool

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> LoadPolicy:
        """Read the variables that the wrapper published with TorchServe knew.

        Raises:
            SettingsError: when one of them is no number.
        """
        tries = _number(environment, "MODEL_LOAD_MAX_TRY", 10)
        delay = _number(environment, "MODEL_LOAD_DELAY", 30)
        return cls(
            warn_after=tries * delay,
            timeout=_number(environment, "MODEL_LOAD_TIMEOUT", 5) or 5,
            customized=environment.get("MODEL_LOAD_CUSTOMIZED", "").lower() == "true",
        )


@dataclasses.dataclass(frozen=True)
class Settings:
    """What this process serves, and where TorchServe is.

    Attributes:
        protocol: the protocol in effect, decided by PROTOCOL_VERSION.
        protocol_is_set: whether PROTOCOL_VERSION was set (to more than nothing).
        envelope: TorchServe's ``service_envelope``, None where it has none.
        models: names of the models to serve, at least one.
        inference: TorchServe's REST inference server.
        management: TorchServe's REST management server.
        grpc_inference: TorchServe's gRPC inference server.
        load: how readiness is asked for.
    """

    protocol: PredictorProtocol
    protocol_is_set: bool
    envelope: str | None
    models: tuple[str, ...]
    inference: Address
    management: Address
    grpc_inference: Address
    load: LoadPolicy

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str], protocol: PredictorProtocol
    ) -> Settings:
        """Read the environment and the file that CONFIG_PATH names.

        Raises:
            SettingsError: when something in them can't be used.
        """
        path = Path(environment.get("CONFIG_PATH") or _CONFIG_PATH)
        try:
            configuration = TorchServeConfiguration.read(path, environment)
            return cls(
                protocol=protocol,
                protocol_is_set=bool(environment.get(VARIABLE)),
                envelope=configuration.get("service_envelope"),
                models=configuration.models(),
                inference=configuration.address("inference_address"),
                management=configuration.address("management_address"),
                grpc_inference=configuration.grpc_inference_address(),
                load=LoadPolicy.from_environment(environment),
            )
        except ConfigurationError as error:
            raise SettingsError(str(error)) from None

    def summary(self) -> str:
        """Say in one line what is served, for the start-up log."""
        said = f"{VARIABLE}={self.protocol}" if self.protocol_is_set else f"{VARIABLE} is unset"
        effect = "" if self.protocol_is_set else f", so {self.protocol}"
        envelope = f"envelope {self.envelope}" if self.envelope else "no envelope"
        answered = ""
        if self.envelope == "kservev2" and self.protocol is PredictorProtocol.REST_V1:
            answered = "; V2 requests are answered, since that is what the envelope reads"
        return (
            f"{said}{effect}; models {', '.join(self.models)}; "
            f"TorchServe at {self.inference} with {envelope}{answered}"
        )


def _number(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name)
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number < float("inf"):
        raise SettingsError(f"{name}={text!r} can't be used: write a number, 0 or larger")
    return number
