"""What ``kserve-conformance fuzz`` sends, what is right for it, and how a finding gets small."""

from __future__ import annotations

from collections.abc import Mapping

from kserve_conformance.fuzzing import answered, refused
from kserve_conformance.fuzzing.classes import Blamed, RequestClass

__all__ = ["Blamed", "RequestClass", "all_classes"]


def all_classes() -> Mapping[str, RequestClass]:
    """Give all classes by name: those to be answered, then those to be refused."""
    return {each.name: each for each in (*answered.classes(), *refused.classes())}
