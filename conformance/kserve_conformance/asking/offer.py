"""What a server offers: found by asking, never believed.

Everything here is asked once per run, before the first check.
"""

from __future__ import annotations

import contextlib
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tritonclient.grpc import service_pb2

from kserve_conformance import tensors
from kserve_conformance.asking import extensions
from kserve_conformance.asking.extensions import ask, told_by
from kserve_conformance.asking.grpc_client import CallFailed
from kserve_conformance.asking.http_client import Answer
from kserve_conformance.asking.server import Server
from kserve_conformance.asking.target import Target
from kserve_conformance.expect import are_texts
from kserve_conformance.tensors import returned, tensor

# What the contract model is told apart by; other models answer these or don't.
_CONTRACT_V1: Mapping[str, Any] = {"instances": [{"conformance": [1, "two"]}]}
_RETURNED = returned("INT32", [2, 2], [1, 2, 3, 4])
_CONTRACT_V2: Mapping[str, Any] = {"inputs": [_RETURNED]}
# What a model that says nothing of its inputs may answer all the same.
_GUESSES_V2: tuple[Mapping[str, Any], ...] = (
    _CONTRACT_V2,
    {"inputs": [tensor("input", "INT32", [2, 2], [1, 2, 3, 4])]},
)
_GUESSES_V1: tuple[Mapping[str, Any], ...] = (
    _CONTRACT_V1,
    {"instances": [1]},
    {"instances": [[1.0, 2.0, 3.0, 4.0]]},
)

# A sample is sent with most checks: more elements are the owner's to give.
_MOST_ELEMENTS = 1_000_000
_SAMPLE_VALUES: Mapping[str, Any] = {"BOOL": True, "BYTES": "a", "FP16": 0.5, "FP32": 0.5}


@dataclass
class Offer:
    """What was found; also `kserve_conformance.asking.server.Knowledge` for the checks.

    Attributes:
        v1_sample: a V1 request that the model answers, None where none is known.
        v2_sample: the same in V2, without an id.
        is_contract_v1: whether V1 instances come back as from the contract model.
        is_contract_v2: whether V2 tensors do.
        not_ready_model: a model that the server knows and that isn't ready.
        declared: extensions that the server's metadata names.
        detected: extensions that it was seen to have.
        absent: by profile, why it was taken for one that isn't offered.
        version: one of the model's that may be asked for by its name and answers.
        server: name and version by its own word, empty where it doesn't tell.
    """

    v1_sample: Mapping[str, Any] | None = None
    v2_sample: Mapping[str, Any] | None = None
    is_contract_v1: bool = False
    is_contract_v2: bool = False
    not_ready_model: str | None = None
    declared: frozenset[str] = frozenset()
    detected: frozenset[str] = frozenset()
    absent: Mapping[str, str] = field(default_factory=dict)
    version: str | None = None
    server: str = ""

    def why_unsupported(self, profile: str, feature: str | None) -> str | None:
        """Say why statements of a profile and a feature can't be judged, None where they can."""
        if profile in self.absent:
            return self.absent[profile]
        if feature is None or feature in self.declared or feature in self.detected:
            return None
        return f"the server neither declares nor shows the extension {feature}"


def look(server: Server, target: Target) -> Offer:
    """Ask a server what it offers. A server that answers nothing offers nothing."""
    offer = Offer(not_ready_model=target.not_ready_model)
    _look_at_metadata(server, offer)
    absent = {}
    if "v1" in target.profiles:
        _look_for_v1(server, target, offer)
        if offer.v1_sample is None and "v1" not in target.claimed:
            absent["v1"] = (
                "no V1 request that was tried is answered with predictions: if the server speaks "
                "V1, say --profile v1, and give a request with --payloads"
            )
    if "v2" in target.profiles or "grpc" in target.profiles:
        routes = _look_for_v2(server, target, offer)
        if not routes and "v2" not in target.claimed:
            absent["v2"] = (
                "no V2 request that was tried is answered: if the server speaks V2, say "
                "--profile v2, and give a request with --payloads"
            )
    if target.grpc is None:
        absent["grpc"] = "no gRPC address was given: name it with --grpc-target"
    offer.absent = absent
    index = _index(server)
    offer.not_ready_model = offer.not_ready_model or _not_ready(index or [])
    offer.detected = frozenset(extensions.seen(server, offer, has_index=index is not None))
    return offer


def _look_at_metadata(server: Server, offer: Offer) -> None:
    told = told_by(ask(server, "/v2"))
    if isinstance(told, dict):
        words = [str(told.get(key, "")) for key in ("name", "version")]
        # It becomes a heading of the claim, which is one line.
        offer.server = " ".join(" ".join(words).split())
        listed = told.get("extensions")
        if isinstance(listed, list):
            # KServe's SDK says model_repository_extension where the extension's text says
            # model_repository.
            offer.declared = frozenset(
                name.removesuffix("_extension") for name in listed if isinstance(name, str)
            )


def _look_for_v1(server: Server, target: Target, offer: Offer) -> None:
    predict = f"/v1/models/{target.model}:predict"
    given = target.payloads.get("v1")
    for body in (given,) if given else _GUESSES_V1:
        answer = ask(server, predict, body)
        told = told_by(answer)
        # The owner's own request is right: that it fails is a finding, not an absence.
        is_owned = body is given and ("v1" in target.claimed or _is_there(answer))
        if is_owned or (isinstance(told, dict) and "predictions" in told):
            offer.v1_sample = body
            break
    # A sample of the model's owner may be asked of the contract model, too.
    told = told_by(ask(server, predict, _CONTRACT_V1))
    with contextlib.suppress(KeyError, IndexError, TypeError):
        back = told["predictions"][0]["received"]
        offer.is_contract_v1 = back == _CONTRACT_V1["instances"][0]


def _look_for_v2(server: Server, target: Target, offer: Offer) -> bool:
    """Find a sample; tell whether the server has V2 REST."""
    infer = f"/v2/models/{target.model}/infer"
    metadata = told_by(ask(server, f"/v2/models/{target.model}"))
    described = _described(metadata)
    given = target.payloads.get("v2")
    owned = [given] if given else [{"inputs": described}] if described else []
    is_there = bool(described)
    for body in (*owned, *_GUESSES_V2):
        answer = ask(server, infer, body)
        if body is given and ("v2" in target.claimed or _is_there(answer)):
            # The owner's own request is right: that it fails is a finding, not an absence.
            offer.v2_sample, is_there = body, True
        if answer is None or answer.status != 200:
            continue
        is_there = True
        told = told_by(answer)
        if body in owned or _has_sound_outputs(told):
            offer.v2_sample = offer.v2_sample or body
            offer.version = offer.version or _version(metadata, told)
        if body is _CONTRACT_V2:
            with contextlib.suppress(KeyError, TypeError):
                offer.is_contract_v2 = tensors.essential(told) == [_RETURNED]
    if offer.v2_sample is None and target.grpc is not None:
        _look_by_grpc(server, offer, [*owned, *_GUESSES_V2])
    if given and offer.v2_sample is None:
        offer.v2_sample = given
    return is_there


def _look_by_grpc(server: Server, offer: Offer, bodies: list[Mapping[str, Any]]) -> None:
    for body in bodies:
        try:
            answer = server.infer_grpc(tensors.any_request(server.model, body))
            back = tensors.outputs(answer) == [_RETURNED]
        except (AssertionError, KeyError, TypeError, ValueError, AttributeError):
            continue
        offer.v2_sample = offer.v2_sample or body
        offer.is_contract_v2 = offer.is_contract_v2 or back
        offer.version = offer.version or _version_by_grpc(server, answer.model_version)


def _version(metadata: Any, told: Any) -> str | None:
    """Give the version that answered, or the only one, where the model's metadata list it."""
    listed = metadata.get("versions") if isinstance(metadata, dict) else None
    if not are_texts(listed):
        return None
    told_by = told.get("model_version") if isinstance(told, dict) else None
    version = told_by or (listed[0] if len(listed) == 1 else None)
    return version if version in listed else None


def _version_by_grpc(server: Server, answered: str) -> str | None:
    asked = service_pb2.ModelMetadataRequest(name=server.model)
    try:
        listed = list(server.call("ModelMetadata", asked).versions)
    except CallFailed:
        return None
    return _version({"versions": listed}, {"model_version": answered})


def _has_sound_outputs(told: Any) -> bool:
    """Tell whether an answer's data are of their datatypes: a model may trip over a guess."""
    try:
        for output in tensors.essential(told):
            tensors.pack(output["datatype"], output["data"])
            if math.prod(output["shape"]) != len(output["data"]):
                return False
    except (KeyError, TypeError, ValueError, AttributeError, struct.error):
        return False
    return True


def _described(metadata: Any) -> list[dict[str, Any]]:
    """Make a tensor for each input that a model's metadata describe; a free dimension is 1.

    There is none at all where one of them can't be made: a model needs all of its inputs.
    """
    inputs = metadata.get("inputs") if isinstance(metadata, dict) else None
    described = []
    for each in inputs if isinstance(inputs, list) else ():
        try:
            datatype = str(each["datatype"])
            shape = [max(1, int(size)) for size in each["shape"]]
            name = str(each["name"])
        except (KeyError, TypeError, ValueError, OverflowError):
            return []
        if datatype not in tensors.DATATYPES or math.prod(shape) > _MOST_ELEMENTS:
            return []
        value = _SAMPLE_VALUES.get(datatype, 1)
        described.append(tensor(name, datatype, shape, [value] * math.prod(shape)))
    return described


def _index(server: Server) -> list[Any] | None:
    """Give the index of the model repository, None where there is none."""
    told = told_by(ask(server, "/v2/repository/index", {}))
    return told if isinstance(told, list) else None


def _not_ready(index: list[Any]) -> str | None:
    entries = [each for each in index if isinstance(each, dict)]
    # Triton lists each version: one that was replaced says nothing of the model. One that is being
    # loaded may be ready when it is asked.
    ready = [each.get("name") for each in entries if each.get("state") == "READY"]
    for entry in entries:
        name = entry.get("name")
        if entry.get("state") == "UNAVAILABLE" and isinstance(name, str) and name not in ready:
            return name
    return None


def _is_there(answer: Answer | None) -> bool:
    """Tell whether a server has the route that it was asked for."""
    return answer is not None and answer.status not in (404, 405)
