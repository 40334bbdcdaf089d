"""KServe's V1 protocol for TorchServe's handlers: every request of a batch, bytes as bytes.

A handler gets the instances of all requests of the batch as one list, and answers one list.
Installed into ``ts.torch_handler.request_envelope``; see docs/envelopes.md.
"""

import json

from ts.utils.util import PredictionException

from . import faithful_batch


class KServeFaithfulEnvelope(faithful_batch.FaithfulBatch):
    """Gives each request of a batch its own answers."""

    def read(self, row):
        """Give the instances of a request; a body that isn't JSON is one instance, as bytes."""
        return None, _instances(faithful_batch.body_of(row))

    def answer(self, place, request, results):
        """Give the V1 answer with the handler's results."""
        explains = self.context.get_request_header(place, "explain") == "True"
        return {"explanations" if explains else "predictions": results}


def _instances(body):
    if isinstance(body, str):
        # TorchServe decodes what says that it is text.
        body = body.encode("utf-8")
    asked = body
    if isinstance(body, (bytes, bytearray)):
        try:
            asked = json.loads(body.decode("utf-8"))
        except ValueError:
            return [bytes(body)]
        if not isinstance(asked, dict):
            return [bytes(body)]
    for key in ("instances", "inputs"):
        if isinstance(asked, dict) and isinstance(asked.get(key), list):
            return asked[key]
    raise PredictionException('Expected "instances" or "inputs", a list, in the request body', 400)
