"""Bodies of V2 requests in JSON: what TorchServe's envelope gets of one."""

from __future__ import annotations

from wrapper import json_body
from wrapper.envelope import Envelope
from wrapper.json_cuts import PIECE
from wrapper.openinference import long_data, long_request, normal_form, request
from wrapper.openinference.request import Wanted
from wrapper.openinference.signature import Signature
from wrapper.spliced import Content
from wrapper.steps import Steps


def passed_on(body: bytes, envelope: Envelope, signature: Signature) -> tuple[Content, Wanted]:
    """Give the body that TorchServe's envelope gets, and what its answer has to be.

    Raises:
        ServingError: 400.
    """
    came = json_body.read(body)
    asked = normal_form.of_request(came)
    wanted = request.check(asked, envelope)
    signature.check(asked)
    return body if asked is came else json_body.write(asked), wanted


def long_passed_on(
    body: bytes, envelope: Envelope, signature: Signature, size: int = PIECE
) -> Steps[tuple[Content, Wanted]]:
    """Do the same in steps, with a body whose long tensors are never read as a whole.

    Raises:
        ServingError: 400, or 413 when more than the data of tensors is long.
    """
    document = yield from json_body.judge(body, size)
    asked, changed = yield from long_request.read(document, size)
    wanted = yield from request.check_in_steps(asked, envelope)
    signature.check(asked)
    return long_data.write(asked) if changed else body, wanted
