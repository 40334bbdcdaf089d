"""Text for a text, as generate_rest.yaml and Triton's generate extension say."""

from __future__ import annotations

import json
from typing import Any

from tests.servers.http import Answer
from tests.servers.tensors import Refused


def answer(told: dict[str, Any], body: dict[str, Any], streams: bool) -> Answer:
    """Give the text back, at once or word by word.

    Args:
        told: what each answer tells besides.

    Raises:
        Refused: when the request has no text.
    """
    text = body.get("text_input")
    if not isinstance(text, str):
        raise Refused('expected "text_input" to be a text')
    if not isinstance(body.get("parameters", {}), dict):
        raise Refused('expected "parameters" to be an object')
    if not streams:
        return Answer.of({**told, "text_output": text})
    # The last one is empty, as where a model says that it ended.
    pieces = [json.dumps({**told, "text_output": piece}) for piece in (*text.split(), "")]
    written = "".join(f"data: {piece}\n\n" for piece in pieces)
    return Answer(200, written.encode(), {"content-type": "text/event-stream; charset=utf-8"})
