"""Hypothesis strategies for requests of V1, V2 and gRPC, for anybody's tests of a server.

`valid` has requests that a server has to answer, of every datatype and shape; `invalid` has
requests that it has to refuse, by class. See "Property-based requests" in docs/conformance.md.
"""

from kserve_conformance.strategies import invalid, valid
from kserve_conformance.strategies.fault import Fault
from kserve_conformance.strategies.valid import BinaryRequest

__all__ = ["BinaryRequest", "Fault", "invalid", "valid"]
