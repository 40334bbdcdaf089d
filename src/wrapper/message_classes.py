"""Protobuf messages that are described at run time.

Generated code works with the protobuf release it was generated for; the SDKs that this
wrapper runs beside pin protobuf 3.19 to 6. Descriptors built here work with all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

# The members of a message by its name: each member's number, name and type, which is one of
# FieldDescriptorProto's, or the name of a message of the same file for a list of those.
Members = Sequence["tuple[int, str, int | str]"]


def file_of(
    package: str, name: str, described: Mapping[str, Members]
) -> descriptor_pb2.FileDescriptorProto:
    """Describe messages of plain members as a .proto file would."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name=name, package=package, syntax="proto3")
    for message_name, members in described.items():
        message = file.message_type.add(name=message_name)
        for number, member, kind in members:
            if isinstance(kind, str):
                message.field.add(
                    name=member,
                    number=number,
                    type=field.TYPE_MESSAGE,
                    label=field.LABEL_REPEATED,
                    type_name=f".{package}.{kind}",
                )
            else:
                message.field.add(name=member, number=number, type=kind, label=field.LABEL_OPTIONAL)
    return file


def pool_of(*files: descriptor_pb2.FileDescriptorProto) -> descriptor_pool.DescriptorPool:
    """Give a pool of its own for files: the default one may hold generated messages of the
    same names already."""
    pool = descriptor_pool.DescriptorPool()
    for file in files:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


def find(pool: descriptor_pool.DescriptorPool, name: str) -> Any:
    """Give the class of a message by its full name."""
    descriptor = pool.FindMessageTypeByName(name)
    if hasattr(message_factory, "GetMessageClass"):  # protobuf 4.22 and later
        return message_factory.GetMessageClass(descriptor)
    factory: Any = message_factory.MessageFactory(pool)
    return factory.GetPrototype(descriptor)
