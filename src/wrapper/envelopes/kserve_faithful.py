"""KServe's V1 protocol for TorchServe's handlers: every request of a batch, bytes as bytes.

A handler gets the instances of all requests of the batch as one list, and answers one list.
Installed into ``ts.torch_handler.request_envelope``; see docs/envelopes.md.
"""

import json

from ts.torch_handler.request_envelope import base


class KServeFaithfulEnvelope(base.BaseEnvelope):
    """Gives each request of a batch its own answers."""

    def parse_input(self, data):
        """Give the instances of all requests; a body that isn't JSON is one instance, as bytes."""
        self._batch = [_instances(_body(row)) for row in data]
        return [instance for instances in self._batch for instance in instances]

    def format_output(self, data):
        """Give each request its share of the handler's answers."""
        key = "explanations" if self._is_explain() else "predictions"
        counts = [len(instances) for instances in self._batch]
        if len(counts) == 1:
            return [{key: data}]
        if len(data) != sum(counts):
            raise ValueError(
                "the handler answered {} instances with {} results, which can't be given back to "
                "the {} requests of this batch: answer one result for each instance, or set "
                "batchSize to 1".format(sum(counts), len(data), len(counts))
            )
        answers = iter(data)
        return [{key: [next(answers) for _ in range(count)]} for count in counts]

    def _is_explain(self):
        return bool(self.context) and self.context.get_request_header(0, "explain") == "True"


def _body(row):
    data = row.get("data")
    return row.get("body") if data is None else data


def _instances(body):
    if isinstance(body, (bytes, bytearray)):
        try:
            body = json.loads(body.decode("utf-8"))
        except ValueError:
            return [bytes(body)]
    return body["instances"] if "instances" in body else body["inputs"]
