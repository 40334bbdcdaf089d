"""The properties that ModelMetadata tells of a model, which the messages of clients lack.

open_inference_grpc.proto has them since 2023-11, as member 6; Triton's clients are older there.
"""

from __future__ import annotations

import functools
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from kserve_conformance.expect import Departure

_MEMBER = 6
_Field = descriptor_pb2.FieldDescriptorProto


def read(answer: bytes) -> dict[str, str]:
    """Give the properties in a ModelMetadataResponse, none where it has none.

    Raises:
        Departure: when member 6 is no map from texts to texts.
    """
    try:
        return dict(_message().FromString(answer).properties)
    except DecodeError:
        raise Departure("member 6 of what ModelMetadata answers is no map of texts") from None


@functools.cache
def _message() -> Any:
    """Make a message that has this member of ModelMetadataResponse, and lets the others be."""
    file = descriptor_pb2.FileDescriptorProto(
        name="conformance_properties.proto", package="conformance", syntax="proto3"
    )
    described = file.message_type.add(name="Described")
    entry = described.nested_type.add(name="PropertiesEntry")
    entry.options.map_entry = True
    for number, name in enumerate(("key", "value"), 1):
        entry.field.add(
            name=name, number=number, label=_Field.LABEL_OPTIONAL, type=_Field.TYPE_STRING
        )
    described.field.add(
        name="properties",
        number=_MEMBER,
        label=_Field.LABEL_REPEATED,
        type=_Field.TYPE_MESSAGE,
        type_name=".conformance.Described.PropertiesEntry",
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("conformance.Described"))
