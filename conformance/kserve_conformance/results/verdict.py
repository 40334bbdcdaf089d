"""What a check can come to, and the ways in which it can find nothing to judge."""

from __future__ import annotations

import enum

from kserve_conformance.errors import NotKnown


class Verdict(enum.StrEnum):
    """What a check came to. What could not run is never a pass and never left out."""

    PASSED = "passed"
    FAILED = "failed"
    """The subject did not do what it must."""
    ERROR = "error"
    """The harness's own fault: nothing is known of the subject."""
    UNPROVISIONED = "unprovisioned"
    """What the check needs could not be had: an interpreter, an environment, TorchServe."""
    UNSUPPORTED = "unsupported"
    """The subject says that it does not offer this."""

    @property
    def is_about_subject(self) -> bool:
        """Tell whether it says something of the subject: what never came to a check doesn't."""
        return self not in (Verdict.ERROR, Verdict.UNPROVISIONED)


class Unprovisioned(NotKnown):
    """Something that could not be had. Its text is a sentence: what, why, what to do."""


class Unsupported(Exception):
    """Something that the subject does not offer. Its text is a sentence that says what."""


class SubjectFailed(NotKnown):
    """Misbehaviour of the subject that leaves nothing to compare. Its text is a sentence."""
