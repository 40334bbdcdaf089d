"""gRPC's server reflection, by which grpcurl and its like find services and messages.

Its messages are described here, and not those that grpcio-reflection generates: see
`wrapper.message_classes`. Both versions of the protocol are served, which differ in their name
alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

import grpc
from google.protobuf import text_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from wrapper import message_classes
from wrapper.sdk.grpc_packing import Unpack
from wrapper.steps import at_once

_VERSIONS = ("v1", "v1alpha")

_TEXT = """
    name: "grpc/reflection/VERSION/reflection.proto"
    package: "grpc.reflection.VERSION"
    syntax: "proto3"
    message_type {
      name: "ServerReflectionRequest"
      field { name: "host" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
      field {
        name: "file_by_filename" number: 3 label: LABEL_OPTIONAL type: TYPE_STRING oneof_index: 0
      }
      field {
        name: "file_containing_symbol" number: 4 label: LABEL_OPTIONAL type: TYPE_STRING
        oneof_index: 0
      }
      field {
        name: "file_containing_extension" number: 5 label: LABEL_OPTIONAL type: TYPE_MESSAGE
        type_name: ".grpc.reflection.VERSION.ExtensionRequest" oneof_index: 0
      }
      field {
        name: "all_extension_numbers_of_type" number: 6 label: LABEL_OPTIONAL type: TYPE_STRING
        oneof_index: 0
      }
      field {
        name: "list_services" number: 7 label: LABEL_OPTIONAL type: TYPE_STRING oneof_index: 0
      }
      oneof_decl { name: "message_request" }
    }
    message_type {
      name: "ExtensionRequest"
      field { name: "containing_type" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
      field { name: "extension_number" number: 2 label: LABEL_OPTIONAL type: TYPE_INT32 }
    }
    message_type {
      name: "ServerReflectionResponse"
      field { name: "valid_host" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
      field {
        name: "original_request" number: 2 label: LABEL_OPTIONAL type: TYPE_MESSAGE
        type_name: ".grpc.reflection.VERSION.ServerReflectionRequest"
      }
      field {
        name: "file_descriptor_response" number: 4 label: LABEL_OPTIONAL type: TYPE_MESSAGE
        type_name: ".grpc.reflection.VERSION.FileDescriptorResponse" oneof_index: 0
      }
      field {
        name: "all_extension_numbers_response" number: 5 label: LABEL_OPTIONAL type: TYPE_MESSAGE
        type_name: ".grpc.reflection.VERSION.ExtensionNumberResponse" oneof_index: 0
      }
      field {
        name: "list_services_response" number: 6 label: LABEL_OPTIONAL type: TYPE_MESSAGE
        type_name: ".grpc.reflection.VERSION.ListServiceResponse" oneof_index: 0
      }
      field {
        name: "error_response" number: 7 label: LABEL_OPTIONAL type: TYPE_MESSAGE
        type_name: ".grpc.reflection.VERSION.ErrorResponse" oneof_index: 0
      }
      oneof_decl { name: "message_response" }
    }
    message_type {
      name: "FileDescriptorResponse"
      field { name: "file_descriptor_proto" number: 1 label: LABEL_REPEATED type: TYPE_BYTES }
    }
    message_type {
      name: "ExtensionNumberResponse"
      field { name: "base_type_name" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
      field { name: "extension_number" number: 2 label: LABEL_REPEATED type: TYPE_INT32 }
    }
    message_type {
      name: "ListServiceResponse"
      field {
        name: "service" number: 1 label: LABEL_REPEATED type: TYPE_MESSAGE
        type_name: ".grpc.reflection.VERSION.ServiceResponse"
      }
    }
    message_type {
      name: "ServiceResponse"
      field { name: "name" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
    }
    message_type {
      name: "ErrorResponse"
      field { name: "error_code" number: 1 label: LABEL_OPTIONAL type: TYPE_INT32 }
      field { name: "error_message" number: 2 label: LABEL_OPTIONAL type: TYPE_STRING }
    }
    service {
      name: "ServerReflection"
      method {
        name: "ServerReflectionInfo"
        input_type: ".grpc.reflection.VERSION.ServerReflectionRequest"
        output_type: ".grpc.reflection.VERSION.ServerReflectionResponse"
        client_streaming: true
        server_streaming: true
      }
    }
"""


def _file(version: str) -> FileDescriptorProto:
    file: FileDescriptorProto = text_format.Parse(
        _TEXT.replace("VERSION", version), FileDescriptorProto()
    )
    return file


def add_to(server: Any, files: Sequence[FileDescriptorProto], unpack: Unpack) -> None:
    """Have a server tell the services that these files describe, and its own.

    Args:
        unpack: is given each message of a client as it came.
    """
    own = tuple(_file(version) for version in _VERSIONS)
    described = _Described((*files, *own))
    for file in own:
        service = f"{file.package}.{file.service[0].name}"
        messages = message_classes.pool_of(file)
        asked = message_classes.find(messages, f"{file.package}.ServerReflectionRequest")
        answer = message_classes.find(messages, f"{file.package}.ServerReflectionResponse")
        handler = grpc.stream_stream_rpc_method_handler(
            _Answers(described, answer).to,
            request_deserializer=partial(_read, asked, unpack),
            response_serializer=answer.SerializeToString,
        )
        handlers = {file.service[0].method[0].name: handler}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))


def _read(message_class: Any, unpack: Unpack, message: bytes) -> Any:
    return message_class.FromString(at_once(unpack(message)))


class _Described:
    """Files by what is asked for."""

    def __init__(self, files: Sequence[FileDescriptorProto]) -> None:
        self._files = {file.name: file.SerializeToString() for file in files}
        self._pool = message_classes.pool_of(*files)
        self.services = sorted(
            f"{file.package}.{service.name}" for file in files for service in file.service
        )

    def by_name(self, name: str) -> bytes:
        """Give a file; raises KeyError where there is none."""
        return self._files[name]

    def by_symbol(self, symbol: str) -> bytes:
        """Give the file that describes a service, a call or a message; raises KeyError."""
        return self._files[self._pool.FindFileContainingSymbol(symbol).name]


class _Answers:
    def __init__(self, described: _Described, response_class: Any) -> None:
        self._described = described
        self._response_class = response_class

    async def to(self, requests: AsyncIterator[Any], _context: Any) -> AsyncIterator[Any]:
        async for request in requests:
            yield self._answer(request)

    def _answer(self, request: Any) -> Any:
        answer = self._response_class(valid_host=request.host, original_request=request)
        asked = request.WhichOneof("message_request")
        try:
            if asked == "list_services":
                for name in self._described.services:
                    answer.list_services_response.service.add(name=name)
            elif asked == "file_by_filename":
                file = self._described.by_name(request.file_by_filename)
                answer.file_descriptor_response.file_descriptor_proto.append(file)
            elif asked == "file_containing_symbol":
                file = self._described.by_symbol(request.file_containing_symbol)
                answer.file_descriptor_response.file_descriptor_proto.append(file)
            else:
                # There are no extensions of messages here.
                raise KeyError(asked)
        except KeyError:
            answer.error_response.error_code = grpc.StatusCode.NOT_FOUND.value[0]
            answer.error_response.error_message = "There is no such thing here"
        return answer
