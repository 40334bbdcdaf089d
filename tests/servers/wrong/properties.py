"""Servers that tell a model's properties in another form, or by one transport only."""

from __future__ import annotations

from typing import Any

from tests.servers.grpc_service import in_properties, member
from tests.servers.running import RightServer
from tests.servers.state import MODEL
from tests.servers.wrong.faults import breaks, change_calls, change_documents

_METADATA = f"/v2/models/{MODEL}"
_DESCRIPTION = "ModelMetadata"


def _tell(server: RightServer, properties: Any) -> None:
    change_documents(server, _METADATA, lambda told: told.update(properties=properties))


@breaks("V2-META-013")
def has_no_properties_and_says_null(server: RightServer) -> None:
    """Writes each member of a class."""
    _tell(server, None)


@breaks("V2-META-013", "GRPC-META-012")
def has_numbers_as_properties(server: RightServer) -> None:
    """Hands settings out as they are."""
    _tell(server, {"batch_size": 1})


@breaks("V2-META-013")
def lists_its_properties(server: RightServer) -> None:
    """Has a list of pairs in place of an object."""
    _tell(server, [{"owner": "tests"}])


@breaks("GRPC-META-011", "GRPC-META-012")
def has_messages_as_properties(server: RightServer) -> None:
    """Has another map at the number, whose values hold a length that ends beyond them."""

    def add(_: Any, answer: Any) -> bytes:
        broken = member(1, b"owner") + member(2, b"\xff\xfe")
        told: bytes = answer.SerializeToString() + member(6, broken)
        return told

    change_calls(server, _DESCRIPTION, add)


@breaks("GRPC-META-012")
def has_messages_without_properties(server: RightServer) -> None:
    """Was built before the member was there."""

    def leave_out(_: Any, answer: Any) -> None:
        answer.DiscardUnknownFields()

    change_calls(server, _DESCRIPTION, leave_out)


@breaks("GRPC-META-012")
def has_properties_of_its_own_over_grpc(server: RightServer) -> None:
    """Adds one that the other transport doesn't tell."""

    def add(_: Any, answer: Any) -> None:
        answer.MergeFromString(in_properties({"transport": "grpc"}))

    change_calls(server, _DESCRIPTION, add)
