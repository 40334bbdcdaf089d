"""A batch of TorchServe's whose requests succeed and fail each by itself.

What `kserve_faithful` and `kservev2_faithful` have in common. Installed beside them into
``ts.torch_handler.request_envelope``; see docs/envelopes.md.
"""

import contextlib
import http.client
import json
import logging

from ts.utils.util import PredictionException

logger = logging.getLogger(__name__)


class FaithfulBatch:
    """Asks a handler about the requests of a batch together, and alone where that fails.

    A subclass knows the protocol: `read`, `show` and `answer`.
    """

    def __init__(self, handle_fn):
        self._handle_fn = handle_fn
        self.context = None

    def handle(self, data, context):
        """Answer each request of a batch, or tell it alone why there is no answer.

        Raises:
            Exception: the handler's, where the batch is one request. TorchServe then answers
                with a status over gRPC, too, where it has none for a request of several.
        """
        self.context = context
        if not data or context.get_request_header(0, "describe") == "True":
            # To be initialised, or asked for the model's own metadata: nothing of a client's.
            return self._handle_fn(data, context)
        outcomes = self._outcomes(data)
        if len(data) == 1 and isinstance(outcomes[0], Exception):
            raise outcomes[0]
        return [self._told(place, outcomes[place], len(data)) for place in range(len(data))]

    def read(self, row):
        """Give a request, and the list of what a handler gets of it.

        Raises:
            PredictionException: with the status 400 and why, when it is none.
        """
        raise NotImplementedError

    def answer_to_question(self, row):
        """Give the answer to what is no request but a question to the envelope; None for others."""

    def handed(self, each, count):
        """Give one of what a handler gets when it is asked about so many requests at once."""
        return each

    def show(self, requests):
        """Let the handler see the requests that it is asked about next."""

    def answer(self, place, request, results):
        """Give the document that answers a request; its place is that in the context."""
        raise NotImplementedError

    def written(self, place, request, results):
        """Give the body that answers a request."""
        return json.dumps(self.answer(place, request, results)).encode("utf-8")

    def _outcomes(self, data):
        """Give by place in the batch the body of an answer, or the exception in its stead."""
        outcomes, asked = {}, {}
        for place, row in enumerate(data):
            told = self.answer_to_question(row)
            if told is not None:
                outcomes[place] = told
                continue
            # A handler, and BaseHandler first, takes the first request's verb for that of all.
            verb = self.context.get_request_header(place, "explain")
            try:
                asked.setdefault(verb, {})[place] = self.read(row)
            except Exception as error:
                outcomes[place] = error
        for batch in asked.values():
            if batch:
                outcomes.update(self._ask(batch))
        return outcomes

    def _ask(self, batch):
        try:
            with _alone(self.context, batch):
                return self._ask_together(batch)
        except Exception as error:
            if len(batch) == 1:
                return dict.fromkeys(batch, error)
            logger.warning(
                "A batch of %d requests failed: each is asked alone", len(batch), exc_info=True
            )
        outcomes = {}
        for place, read in batch.items():
            outcomes.update(self._ask({place: read}))
        return outcomes

    def _ask_together(self, batch):
        self.show([request for request, _ in batch.values()])
        inputs = [
            self.handed(each, len(batch)) for _, of_request in batch.values() for each in of_request
        ]
        results = self._handle_fn(inputs, self.context)
        if results is None:
            raise ValueError("the handler answered nothing")
        if len(batch) > 1 and len(results) != len(inputs):
            raise ValueError(
                "the handler answered {} inputs with {} results, which can't be given back to the "
                "{} requests of this batch: answer one result for each input, or set batchSize to "
                "1".format(len(inputs), len(results), len(batch))
            )
        outcomes, start = {}, 0
        for index, (place, (request, of_request)) in enumerate(batch.items()):
            end = start + len(of_request)
            share = results if len(batch) == 1 else results[start:end]
            outcomes[place] = self._outcome(index, request, share)
            start = end
        return outcomes

    def _outcome(self, index, request, results):
        status, phrase = self.context.get_response_status(index)
        if status and status >= 400:
            return PredictionException(phrase or http.client.responses.get(status, ""), status)
        for result in results if isinstance(results, (list, tuple)) else ():
            if isinstance(result, Exception):
                return result
        try:
            # Here and not by TorchServe, for which one answer that isn't JSON fails the batch.
            return self.written(index, request, results)
        except Exception as error:
            return error

    def _told(self, place, outcome, count):
        """Give the body for a request; TorchServe's own for an error, which the wrapper knows."""
        if not isinstance(outcome, Exception):
            return outcome
        logger.error("Request %d of a batch of %d failed", place + 1, count, exc_info=outcome)
        status, message = _as_torchserve_tells(outcome)
        phrase = http.client.responses.get(status, "")
        self.context.set_response_status(status, phrase, idx=place)
        self.context.set_response_content_type(place, "application/json")
        # TorchServe's gRPC server has no status for a request of a batch: there the wrapper tells
        # an error by how its body begins.
        error = {"code": status, "type": type(outcome).__name__, "message": message}
        return json.dumps(error).encode("utf-8")


def body_of(row):
    """Give what TorchServe got as a request's body: a document, bytes or a text.

    Raises:
        PredictionException: for a form without the field ``data`` or ``body``.
    """
    data = row.get("data")
    data = row.get("body") if data is None else data
    if data is None:
        raise PredictionException("The request has no body, and no form's field data", 400)
    return data


@contextlib.contextmanager
def _alone(context, places):
    """Let the handler see the requests at some places as if the batch had no others."""
    processors, ids = context.request_processor, context.request_ids
    context.request_processor = [processors[place] for place in places]
    context.request_ids = {index: ids[place] for index, place in enumerate(places)}
    context.metrics.request_ids = context.request_ids
    try:
        yield
    finally:
        context.request_processor, context.request_ids = processors, ids
        context.metrics.request_ids = ids


def _as_torchserve_tells(error):
    """Give the status and the message of an exception, as ts/service.py does for a batch."""
    if isinstance(error, PredictionException):
        status = error.error_code
        is_error = isinstance(status, int) and 400 <= status < 600
        return status if is_error else 500, str(error.message)
    if isinstance(error, MemoryError) or "CUDA" in str(error):
        return 507, "Out of resources"
    return 503, "Prediction failed"
