"""TorchServe's request envelopes: which protocol each one reads, and what it loses.

An envelope runs inside TorchServe's workers and turns a protocol's body into what a
handler gets. ``service_envelope`` names it.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Envelope:
    """What a TorchServe with this envelope understands.

    Attributes:
        name: ``service_envelope``, None where there is none.
        speaks: the one protocol that it reads, "V1" or "V2". None for no envelope and for
            those that aren't known here: the model's author decides.
        answers_nothing: whether a request without any instance is answered, with no
            predictions. TorchServe's own ``kserve`` makes TorchServe fail on it.
        keeps_batches: whether each request of a batch (``batchSize`` above 1) gets its own
            answer. TorchServe's own envelopes fail on a batch of several requests.
        tells_errors: whether an error of one request of a batch is told in its answer, which over
            gRPC is all that tells it; see `error_table.from_prediction`.
        reads_bytes: whether bodies that aren't JSON reach the handler.
        keeps_every_string: whether all elements of a BYTES tensor reach the handler.
            TorchServe's own ``kservev2`` keeps the first.
        reads_base64: whether BYTES elements may come in base64, told by the tensor's
            parameter ``content_type``, so that they need not be UTF-8.
        wants_base64: whether all BYTES that come as bytes, over gRPC and in binary tensors, go to
            it as the text of their base64, whatever they hold and told by nothing. The wrapper
            published with TorchServe sent those of gRPC so, and handlers decode them.
        may_read_frames: whether one of this name may read frames (`openinference.frames`). That it
            does is found by asking: one that was installed by an earlier release doesn't.
        writes_texts: whether all elements of BYTES that it answers are texts. TorchServe's own
            ``kservev2`` has the objects of handlers there as they are.
    """

    name: str | None
    speaks: str | None = None
    answers_nothing: bool = True
    keeps_batches: bool = True
    tells_errors: bool = False
    reads_bytes: bool = True
    keeps_every_string: bool = True
    reads_base64: bool = False
    wants_base64: bool = False
    may_read_frames: bool = False
    writes_texts: bool = True

    @property
    def is_there(self) -> bool:
        """Tell whether there is one; without one the model gets a body as it came."""
        return self.name is not None

    @property
    def in_words(self) -> str:
        """Name what reads the body of a request."""
        return f"TorchServe's envelope {self.name}" if self.is_there else "TorchServe's handler"

    @classmethod
    def named(cls, name: str | None) -> Envelope:
        """Give what is known of the envelope that ``service_envelope`` names."""
        return _KNOWN.get(name) or cls(name)


_KNOWN: dict[str | None, Envelope] = {
    envelope.name: envelope
    for envelope in (
        # TorchServe's own; ts/torch_handler/request_envelope of 0.5.3 to 0.12.0.
        Envelope(
            "kserve", speaks="V1", answers_nothing=False, keeps_batches=False, reads_bytes=False
        ),
        Envelope(
            "kservev2",
            speaks="V2",
            keeps_batches=False,
            reads_bytes=False,
            keeps_every_string=False,
            writes_texts=False,
        ),
        # Of TensorFlow Serving's REST API, whose bodies are those of V1.
        Envelope("json", speaks="V1", answers_nothing=False, reads_bytes=False),
        # Those of `wrapper.envelopes`.
        Envelope("kserve_faithful", speaks="V1", tells_errors=True),
        Envelope(
            "kservev2_faithful",
            speaks="V2",
            tells_errors=True,
            reads_bytes=False,
            reads_base64=True,
            may_read_frames=True,
        ),
    )
}
