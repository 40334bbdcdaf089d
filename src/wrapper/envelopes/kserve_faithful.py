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
        """Give a request, and its instances; a body that isn't JSON is one instance, as bytes."""
        request = _request(faithful_batch.body_of(row))
        return request, _instances(request)

    def show(self, requests):
        """Put the requests themselves where a handler finds them, as `_request` gives them.

        What stands beside their instances, such as parameters, is there.
        """
        self.context.v1_requests = requests

    def answer(self, place, request, results):
        """Give the V1 answer with the handler's results."""
        explains = self.context.get_request_header(place, "explain") == "True"
        return {"explanations" if explains else "predictions": results}


def _request(body):
    """Give the document that a body is; as an instance of its own where it is none."""
    if isinstance(body, str):
        # TorchServe decodes what says that it is text.
        body = body.encode("utf-8")
    if isinstance(body, (bytes, bytearray)):
        try:
            read = json.loads(body.decode("utf-8"))
        except ValueError:
            read = None
        body = read if isinstance(read, dict) else {"instances": [bytes(body)]}
    return body


def _instances(request):
    for key in ("instances", "inputs"):
        if isinstance(request, dict) and isinstance(request.get(key), list):
            return request[key]
    raise PredictionException('Expected "instances" or "inputs", a list, in the request body', 400)
