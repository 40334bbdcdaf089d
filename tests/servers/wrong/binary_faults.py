"""What faults of the binary tensor data extension are made of: the JSON and the data behind it."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

from tests.servers.http import Answer, Handler, Request
from tests.servers.running import RightServer
from tests.servers.wrong.faults import change_answers, change_requests

LENGTH = "inference-header-content-length"
SIZE = "binary_data_size"

Head = dict[str, Any]


def parameters(holder: Head) -> Head:
    """Give the parameters of a request, an input or an output; empty where it has none."""
    found: Head = holder.get("parameters", {})
    return found


def all_sizes(head: Head) -> int:
    """Add up the sizes of a binary request's inputs."""
    return sum(each["parameters"][SIZE] for each in head["inputs"])


def parts_of(request: Request) -> tuple[Head, bytes] | None:
    """Give JSON and data of a binary request, None where it is none that can be read."""
    try:
        length = int(request.headers[LENGTH])
        return json.loads(request.body[:length]), request.body[length:]
    except (KeyError, ValueError):
        return None


def change_binary_requests(
    server: RightServer, change: Callable[[Head, bytes], bytes | None]
) -> None:
    """Change binary requests; ``change`` changes the JSON in place, and may give other data."""

    def fault(request: Request) -> None:
        parts = parts_of(request)
        if parts is not None:
            head, raw = parts
            changed = change(head, raw)
            written = json.dumps(head).encode()
            request.headers[LENGTH] = str(len(written))
            request.body = written + (raw if changed is None else changed)

    change_requests(server, "/infer", fault)


def change_data(server: RightServer, change: Callable[[str, bytes], bytes]) -> None:
    """Change the data of each input of a binary request, given its datatype."""

    def fault(head: Head, raw: bytes) -> bytes:
        changed, at = b"", 0
        for each in head["inputs"]:
            size = each["parameters"][SIZE]
            part = change(each["datatype"], raw[at : at + size])
            each["parameters"][SIZE] = len(part)
            changed, at = changed + part, at + size
        return changed

    change_binary_requests(server, fault)


def change_elements(server: RightServer, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Change the elements of the inputs of BYTES."""

    def fault(datatype: str, raw: bytes) -> bytes:
        if datatype != "BYTES":
            return raw
        elements, at = [], 0
        while at < len(raw):
            end = at + 4 + int.from_bytes(raw[at : at + 4], "little")
            elements.append(raw[at + 4 : end])
            at = end
        return b"".join(struct.pack("<I", len(each)) + each for each in change(elements))

    change_data(server, fault)


def change_wishes(server: RightServer, change: Callable[[Head, Head], Any]) -> None:
    """Change, given the whole of a request in JSON, each of the outputs that it asks for."""

    def fault(request: Request) -> None:
        head = json.loads(request.body)
        for output in head.get("outputs", ()):
            change(head, output)
        request.body = json.dumps(head).encode()

    change_requests(server, "/infer", fault)


def change_binary_answers(
    server: RightServer, change: Callable[[Head, bytes], bytes | None]
) -> None:
    """Change binary answers as `change_binary_requests` does requests."""

    def fault(_: Request, answer: Answer) -> None:
        if LENGTH in answer.headers:
            length = int(answer.headers[LENGTH])
            told, raw = json.loads(answer.body[:length]), answer.body[length:]
            changed = change(told, raw)
            written = json.dumps(told).encode()
            answer.headers[LENGTH] = str(len(written))
            answer.body = written + (raw if changed is None else changed)

    change_answers(server, "/infer", fault)


def refuse_binary_requests(
    server: RightServer, status: int, when: Callable[[Head, bytes], bool]
) -> None:
    """Refuse some binary requests; ``when`` is given the JSON and the data."""

    async def fault(request: Request, proceed: Handler) -> Answer:
        parts = parts_of(request)
        if parts is not None and when(*parts):
            return Answer.error(status, "no such request is answered")
        return await proceed(request)

    server.rest_fault = fault
