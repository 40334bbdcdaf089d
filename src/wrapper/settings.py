"""Everything that the wrapper is told from outside, as one frozen value."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from wrapper import admission
from wrapper.address import Address
from wrapper.configuration import ConfigurationError, TorchServeConfiguration
from wrapper.envelope import Envelope
from wrapper.protocol import VARIABLE, PredictorProtocol

_CONFIG_PATH = "/mnt/models/config/config.properties"

# TorchServe writes it to its working directory, which in its images is this one.
_KEY_FILE = "/home/model-server/key_file.json"

# What models' authors declare of their tensors, beside config.properties.
_SIGNATURES = "signatures.json"

# Seconds, more than the 60 that gateways keep a connection for: they have to be the first to close
# it, or a request meets one that is being closed. KServe's SDK has the same since 0.18.
_KEEP_ALIVE = 65

# Joins a request's logs and spans across the pod. Nothing else of a client's request is
# TorchServe's business.
_FORWARDED_HEADERS = (
    "x-request-id",
    "traceparent",
    "tracestate",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "b3",
)

# The headers of a connection are the wrapper's own in each of its requests.
_OF_A_CONNECTION = (
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
)
_NEVER_FORWARDED = {
    "authorization": "in which TorchServe takes its own token only",
    **dict.fromkeys(_OF_A_CONNECTION, "which the wrapper sets itself"),
}


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
class EventSettings:
    """What the answer to a CloudEvent says of itself.

    Attributes:
        source: its ``source`` (``CE_SOURCE``); None where the model's name makes it.
        type: its ``type`` (``CE_TYPE``).
        merges: whether it has the other attributes of the event that it answers (``CE_MERGE``).
    """

    source: str | None
    type: str
    merges: bool

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> EventSettings:
        """Read the variables that KServe's SDK reads.

        Raises:
            SettingsError: when one can't be used.
        """
        return cls(
            source=environment.get("CE_SOURCE") or None,
            type=environment.get("CE_TYPE") or "io.kserve.inference.response",
            merges=_flag(environment, "CE_MERGE"),
        )


@dataclasses.dataclass(frozen=True)
class Settings:
    """What this process serves, and where TorchServe is.

    Attributes:
        protocol: the protocol in effect, decided by PROTOCOL_VERSION.
        protocol_is_set: whether PROTOCOL_VERSION was set (to more than nothing).
        envelope: what is known of TorchServe's ``service_envelope``.
        models: names of the models to serve; empty where only TorchServe can tell.
        inference: TorchServe's REST inference server.
        management: TorchServe's REST management server.
        grpc_inference: TorchServe's gRPC inference server.
        grpc_management: TorchServe's gRPC management server.
        max_request_size: bytes of a request that TorchServe takes.
        max_response_size: bytes of an answer that TorchServe gives.
        key_file: TorchServe's key_file.json, which is there when TorchServe asks for tokens.
        forwarded_headers: names, in lower case, of the request headers that TorchServe gets.
        max_concurrent_requests: inference requests that are answered at once, 0 for any number.
        request_timeout: seconds that TorchServe may take to answer an inference request.
        keep_alive_timeout: seconds that a connection of HTTP rests before it is closed.
        grpc_reflection: whether gRPC tells its services to who asks.
        grace_period: seconds that requests in flight have to end after SIGTERM.
        torchserve_metrics: where TorchServe tells its own metrics; None where nobody asks.
        metrics_mode: what TorchServe does with its metrics, ``log``, ``prometheus`` or ``legacy``.
        metrics_folder: where several processes count together; None where one is made for that.
        load: how readiness is asked for.
        events: what answers to CloudEvents say of themselves.
        signatures: what the models' authors declare of their tensors; None where nobody does.
        cors: headers that tell browsers which pages of other origins may ask, in lower case.
    """

    protocol: PredictorProtocol
    protocol_is_set: bool
    envelope: Envelope
    models: tuple[str, ...]
    inference: Address
    management: Address
    grpc_inference: Address
    grpc_management: Address
    max_request_size: int
    max_response_size: int
    key_file: Path
    forwarded_headers: tuple[str, ...]
    max_concurrent_requests: int
    request_timeout: float
    keep_alive_timeout: float
    grpc_reflection: bool
    grace_period: float
    torchserve_metrics: Address | None
    metrics_mode: str
    metrics_folder: Path | None
    load: LoadPolicy
    events: EventSettings
    signatures: Path | None
    cors: Mapping[str, str]

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str], protocol: PredictorProtocol
    ) -> Settings:
        """Read the environment and the file that CONFIG_PATH names.

        Raises:
            SettingsError: when something in them can't be used.
        """
        path = Path(
            environment.get("CONFIG_PATH") or environment.get("TS_CONFIG_FILE") or _CONFIG_PATH
        )
        try:
            configuration = TorchServeConfiguration.read(path, environment)
            return cls(
                protocol=protocol,
                protocol_is_set=bool(environment.get(VARIABLE)),
                envelope=_envelope(
                    configuration.get("service_envelope") or None, environment, protocol
                ),
                models=configuration.models(),
                inference=configuration.address("inference_address"),
                management=configuration.address("management_address"),
                grpc_inference=configuration.grpc_address("inference"),
                grpc_management=configuration.grpc_address("management"),
                max_request_size=configuration.integer("max_request_size"),
                max_response_size=configuration.integer("max_response_size"),
                key_file=Path(environment.get("TORCHSERVE_KEY_FILE") or _KEY_FILE),
                forwarded_headers=_forwarded_headers(environment),
                max_concurrent_requests=_count(environment, admission.VARIABLE),
                request_timeout=_number(environment, "TORCHSERVE_REQUEST_TIMEOUT", 600) or 600,
                keep_alive_timeout=_number(environment, "KEEP_ALIVE_TIMEOUT", _KEEP_ALIVE)
                or _KEEP_ALIVE,
                grpc_reflection=_flag(environment, "GRPC_REFLECTION"),
                grace_period=_number(environment, "SHUTDOWN_GRACE_PERIOD", 30),
                torchserve_metrics=_torchserve_metrics(environment, configuration),
                metrics_mode=(configuration.get("metrics_mode") or "").lower(),
                metrics_folder=_folder(environment, "PROMETHEUS_MULTIPROC_DIR"),
                load=LoadPolicy.from_environment(environment),
                events=EventSettings.from_environment(environment),
                signatures=_signatures(environment, path.parent),
                cors=configuration.cors(),
            )
        except ConfigurationError as error:
            raise SettingsError(str(error)) from None

    def forwarded(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Give the headers of a request that TorchServe gets, too; names in lower case."""
        return {name: headers[name] for name in self.forwarded_headers if name in headers}

    def summary(self) -> str:
        """Say in one line what is served, for the start-up log."""
        said = f"{VARIABLE}={self.protocol}" if self.protocol_is_set else f"{VARIABLE} is unset"
        effect = "" if self.protocol_is_set else f", so {self.protocol}"
        envelope = f"envelope {self.envelope.name}" if self.envelope.name else "no envelope"
        models = ", ".join(self.models) or "those that TorchServe has"
        return (
            f"{said}{effect}; models {models}; "
            f"TorchServe at {self.inference} with {envelope}{self._answered()}"
            f"{'; BYTES that come as bytes go there in base64' * self.envelope.wants_base64}"
        )

    def _answered(self) -> str:
        """Say which requests are answered where PROTOCOL_VERSION alone would tell it wrongly."""
        if not self.envelope.is_there:
            return "; V1 and V2 requests are passed on as they are, for the models to read"
        asked = "V1" if self.protocol is PredictorProtocol.REST_V1 else "V2"
        if self.envelope.speaks in (None, asked):
            return ""
        return (
            f"; {self.envelope.speaks} requests are answered, since that is what the envelope "
            f"reads, and {asked} requests are refused"
        )

    def metrics_advice(self) -> str | None:
        """Say in one line why TorchServe's own metrics stay empty, None where they don't."""
        if self.metrics_mode != "log":
            return None
        return (
            "TorchServe writes its metrics to its log (metrics_mode=log), and its own /metrics, "
            "since its release 0.8, stays empty: set metrics_mode=prometheus for that"
        )


def _torchserve_metrics(
    environment: Mapping[str, str], configuration: TorchServeConfiguration
) -> Address | None:
    is_wanted = _flag(environment, "TORCHSERVE_METRICS")
    return configuration.address("metrics_address") if is_wanted else None


def _envelope(
    name: str | None, environment: Mapping[str, str], protocol: PredictorProtocol
) -> Envelope:
    """Give what is known of the envelope, and whether BYTES go to it in base64.

    By default where a pod of the wrapper published with TorchServe had it so: its gRPC server
    answered BYTES with grpc-v2 alone, before any envelope that could be had then.
    """
    known = Envelope.named(name)
    is_of_then = known.speaks != "V1" and not known.reads_base64
    is_drop_in = protocol is PredictorProtocol.GRPC_V2 and is_of_then
    wants_base64 = _flag(environment, "BYTES_AS_BASE64", default=is_drop_in)
    return dataclasses.replace(known, wants_base64=wants_base64)


def _flag(environment: Mapping[str, str], name: str, default: bool = False) -> bool:
    text = environment.get(name) or str(default)
    if text.lower() not in ("true", "false"):
        raise SettingsError(f"{name}={text!r} can't be used: write true or false")
    return text.lower() == "true"


def _signatures(environment: Mapping[str, str], folder: Path) -> Path | None:
    named = _folder(environment, "MODEL_SIGNATURES")
    beside = folder / _SIGNATURES
    return named or (beside if beside.exists() else None)


def _folder(environment: Mapping[str, str], name: str) -> Path | None:
    text = environment.get(name)
    return Path(text) if text else None


def _forwarded_headers(environment: Mapping[str, str]) -> tuple[str, ...]:
    listed = environment.get("FORWARDED_HEADERS")
    if listed is None:
        return _FORWARDED_HEADERS
    text = listed.strip()
    adds = text.startswith("+")
    names = [name.strip().lower() for name in text.removeprefix("+").split(",")]
    for name in names:
        if name in _NEVER_FORWARDED:
            raise SettingsError(
                f"FORWARDED_HEADERS={listed!r} can't be used: leave {name} out, "
                f"{_NEVER_FORWARDED[name]}"
            )
    return tuple(dict.fromkeys((*(_FORWARDED_HEADERS if adds else ()), *filter(None, names))))


def _count(environment: Mapping[str, str], name: str) -> int:
    text = environment.get(name) or "0"
    if not (text.isascii() and text.isdigit()):
        raise SettingsError(f"{name}={text!r} can't be used: write a whole number, 0 for no limit")
    return int(text)


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
