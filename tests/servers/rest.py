"""V1 and V2 REST as the specifications say, for the contract model and one that isn't ready."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from dataclasses import replace
from typing import Any

from tests.servers import events, generate, model, tensors, told
from tests.servers.http import Answer, Request
from tests.servers.state import PROPERTIES, VERSION, State
from tests.servers.tensors import Refused

_JSON_TYPE = re.compile(r"application/([a-z0-9.+-]+\+)?json", re.IGNORECASE)
_LENGTH = "inference-header-content-length"
_DIGITS = re.compile("[0-9]{1,18}")


class Rest:
    """Answers HTTP requests."""

    def __init__(self, state: State) -> None:
        self.state = state

    async def handle(self, request: Request) -> Answer:
        """Answer a request."""
        routes = (
            (r"/", "GET", self._alive),
            (r"/metrics", "GET", self._metrics),
            (r"/openapi.json", "GET", self._description),
            (r"/v2/health/live", "GET", self._live),
            (r"/v2/health/ready", "GET", self._ready),
            (r"/v2", "GET", self._server),
            (r"/v[12]/models", "GET", self._models),
            (r"/v1/models/([^/:]+)", "GET", self._model_ready),
            (r"/v2/models/([^/]+)/ready", "GET", self._model_ready),
            (r"/v2/models/([^/]+)", "GET", self._model),
            (r"/v2/models/([^/]+)/versions/([^/]+)(|/ready)", "GET", self._version),
            (r"/v2/models/([^/]+)/versions/([^/]+)(/(?:infer|generate))", "POST", self._version),
            (r"/v1/models/([^/:]+):(predict|explain)", "POST", self._v1),
            (r"/v2/models/([^/]+)/infer", "POST", self._v2),
            (r"/v2/models/([^/]+)/(generate|generate_stream)", "POST", self._generate),
            (r"/v2/repository/index", "POST", self._index),
            (r"/v2/repository/models/([^/]+)/(load|unload)", "POST", self._repository),
        )
        for pattern, methods, route in routes:
            match = re.fullmatch(pattern, request.path)
            if match is None:
                continue
            method = "GET" if request.method == "HEAD" else request.method
            if method not in methods.split():
                told = f"{request.method} is not allowed here"
                return Answer.error(405, told, allow=", ".join(methods.split()))
            try:
                answer: Answer = await route(_decoded(request), *match.groups())
            except _Unread as unread:
                return Answer.error(415, str(unread), accept_encoding="gzip")
            except Refused as refused:
                return Answer.error(400, str(refused))
            return answer
        return Answer.error(404, f"there is nothing at {request.path}")

    async def _alive(self, _: Request) -> Answer:
        return Answer.of({"status": "alive"})

    async def _metrics(self, _: Request) -> Answer:
        return told.metrics(self.state)

    async def _description(self, _: Request) -> Answer:
        return told.description()

    async def _live(self, _: Request) -> Answer:
        return Answer.of({"live": True})

    async def _ready(self, _: Request) -> Answer:
        ready = all(self.state.models.values())
        return Answer.of({"ready": ready}, 200 if ready else 503)

    async def _server(self, _: Request) -> Answer:
        extensions = ["binary_tensor_data", "model_repository"]
        return Answer.of({"name": "right-server", "version": "1.0", "extensions": extensions})

    async def _models(self, _: Request) -> Answer:
        return Answer.of({"models": list(self.state.models)})

    async def _model_ready(self, _: Request, name: str) -> Answer:
        return self._not_ready(name) or Answer.of({"name": name, "ready": True})

    async def _model(self, _: Request, name: str) -> Answer:
        if name not in self.state.models:
            return self._unknown(name)
        described: dict[str, Any] = {"platform": "python", "inputs": [], "outputs": []}
        more = {"name": name, "versions": [VERSION], "properties": PROPERTIES}
        return Answer.of({**more, **described})

    async def _version(self, request: Request, name: str, version: str, part: str) -> Answer:
        if name not in self.state.models:
            return self._unknown(name)
        if version != VERSION:
            return Answer.error(404, f"Model with name {name} has no version {version}.")
        parts = {
            "": self._model,
            "/ready": self._model_ready,
            "/infer": self._v2,
            "/generate": self._generate,
        }
        return await parts[part](request, name)

    async def _index(self, request: Request) -> Answer:
        asked = _present(self._document(request)) if request.body else {}
        only_ready = asked.get("ready", False)
        if not isinstance(only_ready, bool):
            raise Refused('expected "ready" to be a boolean')
        return Answer.of(
            [
                {"name": name, "state": "READY" if ready else "UNAVAILABLE"}
                for name, ready in self.state.models.items()
                if ready or not only_ready
            ]
        )

    async def _repository(self, request: Request, name: str, action: str) -> Answer:
        if name not in self.state.models:
            return self._unknown(name)
        if request.body:
            _check_parameters(_present(self._document(request)))
        self.state.models[name] = action == "load"
        return Answer.of({"name": name, action: True})

    async def _v1(self, request: Request, name: str, verb: str) -> Answer:
        unready = self._not_ready(name)
        if unready is not None:
            return unready
        event = events.opened(request)
        body = self._document(request)
        key = next((key for key in ("instances", "inputs") if key in body), None)
        if key is None:
            raise Refused('expected "instances" or "inputs"')
        if not isinstance(body[key], list):
            raise Refused(f'expected "{key}" to be a list')
        explains = verb == "explain"
        try:
            made = await model.predict(body[key], "explained" if explains else "received")
        except model.ModelFailed:
            return Answer.error(500, "the model failed")
        self.state.answered["v1"] += 1
        answer = Answer.of({"explanations" if explains else "predictions": made})
        return event.around(answer) if event else answer

    async def _v2(self, request: Request, name: str) -> Answer:
        unready = self._not_ready(name)
        if unready is not None:
            return unready
        length = request.headers.get(_LENGTH)
        raw: bytes | None = None
        if length is not None:
            if not _DIGITS.fullmatch(length) or not 0 < int(length) <= len(request.body):
                raise Refused(f"{_LENGTH}: {length!r} is no length of a head in this body")
            request.body, raw = request.body[: int(length)], request.body[int(length) :]
            request.headers["content-type"] = "application/json"
        body = _present(self._document(request))
        inputs = _inputs(body, raw)
        wanted = _wanted(body)
        try:
            outputs = await model.infer(inputs)
        except model.ModelFailed:
            return Answer.error(500, "the model failed")
        self.state.answered["v2"] += 1
        names = [each["name"] for each in outputs]
        for each in wanted:
            if each["name"] not in names:
                raise Refused(f"the model has no output {each['name']}")
        head: dict[str, Any] = {"model_name": name, "model_version": VERSION}
        if "id" in body:
            head["id"] = body["id"]
        return _answer(head, outputs, wanted, body.get("parameters", {}))

    async def _generate(self, request: Request, name: str, call: str = "generate") -> Answer:
        unready = self._not_ready(name)
        if unready is not None:
            return unready
        body = _present(self._document(request))
        head = {"model_name": name, "model_version": VERSION}
        if "id" in body:
            head["id"] = body["id"]
        return generate.answer(head, body, streams=call == "generate_stream")

    def _not_ready(self, name: str) -> Answer | None:
        if name not in self.state.models:
            return self._unknown(name)
        if not self.state.models[name]:
            return Answer.error(503, f"Model with name {name} is not ready.")
        return None

    def _unknown(self, name: str) -> Answer:
        return Answer.error(404, f"Model with name {name} does not exist.")

    def _document(self, request: Request) -> dict[str, Any]:
        kind = request.headers.get("content-type", "application/json").partition(";")[0].strip()
        if not _JSON_TYPE.fullmatch(kind):
            raise Refused(f"expected JSON, got {kind}")
        try:
            body = request.json()
        except (ValueError, RecursionError):
            raise Refused("the request body is not valid JSON") from None
        if not isinstance(body, dict):
            raise Refused("expected a JSON object as the request body")
        return body


class _Unread(Exception):
    """A content coding that isn't read. Its text is a sentence."""


def _decoded(request: Request) -> Request:
    coding = request.headers.get("content-encoding", "identity")
    if coding not in ("gzip", "identity"):
        raise _Unread(f"Content-Encoding {coding} is not read")
    if coding == "identity":
        return request
    try:
        return replace(request, body=gzip.decompress(request.body))
    except (OSError, EOFError, zlib.error):
        raise Refused("the body is not what gzip made") from None


def _present(holder: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is null, which is the same as what isn't there."""
    return {name: value for name, value in holder.items() if value is not None}


def _inputs(body: dict[str, Any], raw: bytes | None) -> list[dict[str, Any]]:
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise Refused('expected "inputs" to be a list of tensors')
    if not isinstance(body.get("id", ""), str):
        raise Refused('expected "id" to be a string')
    _check_parameters(body)
    read, at = [], 0
    for each in inputs:
        if not isinstance(each, dict) or not isinstance(each.get("name"), str):
            raise Refused("an input has no name")
        each = _present(each)
        _check_parameters(each)
        name, size = each["name"], each.get("parameters", {}).get("binary_data_size")
        if size is None:
            data = tensors.checked(name, each.get("datatype"), each.get("shape"), each.get("data"))
        else:
            if raw is None or type(size) is not int or size < 0 or "data" in each:
                raise Refused(f"binary_data_size of {name} is no number of bytes that follow")
            tensors.check_head(name, each.get("datatype"), each.get("shape"))
            part = raw[at : at + size]
            at += size
            data = tensors.from_bytes(name, each["datatype"], each["shape"], part)
            if len(part) != size:
                raise Refused(f"{name} has {len(part)} bytes of {size}")
        read.append(
            {"name": name, "shape": each["shape"], "datatype": each["datatype"], "data": data}
        )
    if len({each["name"] for each in read}) < len(read):
        raise Refused("an input is there twice")
    if raw is not None and at != len(raw):
        raise Refused(f"{len(raw) - at} bytes follow the last tensor")
    return read


def _wanted(body: dict[str, Any]) -> list[dict[str, Any]]:
    wanted = body.get("outputs", [])
    if not isinstance(wanted, list):
        raise Refused('expected "outputs" to be a list')
    if not all(isinstance(each, dict) and isinstance(each.get("name"), str) for each in wanted):
        raise Refused("a requested output has no name")
    wanted = [_present(each) for each in wanted]
    for each in wanted:
        _check_parameters(each)
    if len({each["name"] for each in wanted}) < len(wanted):
        raise Refused("an output is requested twice")
    return wanted


def _check_parameters(holder: dict[str, Any]) -> None:
    parameters = holder.get("parameters", {})
    if not isinstance(parameters, dict):
        raise Refused('expected "parameters" to be an object')
    for name, value in parameters.items():
        if not isinstance(value, (str, int, float, bool)):
            raise Refused(f'the parameter "{name}" is no string, number or boolean')


def _answer(
    told: dict[str, Any],
    outputs: list[dict[str, Any]],
    wanted: list[dict[str, Any]],
    parameters: dict[str, Any],
) -> Answer:
    asked = {each["name"]: each.get("parameters", {}) for each in wanted}
    everything = bool(parameters.get("binary_data_output", False))
    told["outputs"], raw, binary = [], b"", False
    for output in outputs:
        if asked and output["name"] not in asked:
            continue
        head = {key: output[key] for key in ("name", "shape", "datatype")}
        if asked.get(output["name"], {}).get("binary_data", everything):
            packed = tensors.to_bytes(output["datatype"], output["data"])
            raw, binary = raw + packed, True
            told["outputs"].append({**head, "parameters": {"binary_data_size": len(packed)}})
        else:
            data = tensors.to_json(output["datatype"], output["data"])
            told["outputs"].append({**head, "data": data})
    if not binary:
        return Answer.of(told)
    written = json.dumps(told, ensure_ascii=False).encode()
    headers = {"content-type": "application/octet-stream", _LENGTH: str(len(written))}
    return Answer(200, written + raw, headers)
