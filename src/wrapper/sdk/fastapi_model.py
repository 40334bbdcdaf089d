"""What the FastAPI generations of the SDK (0.10 and later) have in common."""

from __future__ import annotations

import http
from typing import Any

from fastapi import HTTPException
from kserve import errors

from wrapper.envelope import Envelope
from wrapper.errors import ServingError
from wrapper.sdk import infer_types


class FastApiModelFace:
    """Models that get and return the SDK's InferRequest and InferResponse."""

    def open_inference_request(self, payload: Any, envelope: Envelope) -> dict[str, Any] | None:
        """Read the SDK's InferRequest; anything else is a V1 payload."""
        return infer_types.to_json(payload, envelope)

    def open_inference_response(self, answer: dict[str, Any], payload: Any) -> Any:
        """Make the SDK's InferResponse."""
        return infer_types.from_json(answer, payload)

    def exception(self, error: ServingError) -> Exception:
        """Give the SDK's exception for a status, FastAPI's where the SDK has none."""
        if error.status == http.HTTPStatus.BAD_REQUEST:
            return errors.InvalidInput(error.message)
        return HTTPException(status_code=error.status, detail=error.message)
