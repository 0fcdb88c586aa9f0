"""The messages of kimball_integration.proto, made at run time: no generated code is kept, and no compiler is needed.

Needs the extra `grpc`.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SERVICE = "KimballIntegration"
EVENT_STREAM, PREDICTION = f"/{SERVICE}/EventStream", f"/{SERVICE}/Prediction"

Field = descriptor_pb2.FieldDescriptorProto
STRING, FLOAT, INT32, MESSAGE = Field.TYPE_STRING, Field.TYPE_FLOAT, Field.TYPE_INT32, Field.TYPE_MESSAGE


def describe() -> Any:
    """The file as protoc describes it: a FileDescriptorProto."""
    file = descriptor_pb2.FileDescriptorProto(name="kimball_integration.proto", syntax="proto3")
    _fields(file.message_type.add(name="KimballEvent"), namespace=STRING, name=STRING, key=STRING)
    _fields(file.message_type.add(name="Response"), code=INT32)
    request = file.message_type.add(name="PredictionRequest")
    _fields(request, namespace=STRING, user_id=STRING)
    _repeated(request, "event_names", 3, type=STRING)
    response = file.message_type.add(name="PredictionResponse")
    _fields(response.nested_type.add(name="Prediction"), prediction_name=STRING, yes=FLOAT, no=FLOAT)
    _repeated(response, "predictions", 1, type=MESSAGE, type_name=".PredictionResponse.Prediction")
    service = file.service.add(name=SERVICE)
    service.method.add(name="EventStream", input_type=".KimballEvent", output_type=".Response", client_streaming=True)
    service.method.add(name="Prediction", input_type=".PredictionRequest", output_type=".PredictionResponse")
    return file


def _fields(message: Any, **types: int) -> None:
    """Adds single fields, numbered from 1 in this order."""
    for number, (name, type_) in enumerate(types.items(), 1):
        message.field.add(name=name, number=number, type=type_, label=Field.LABEL_OPTIONAL, json_name=_camel(name))


def _repeated(message: Any, name: str, number: int, **kind: Any) -> None:
    message.field.add(name=name, number=number, label=Field.LABEL_REPEATED, json_name=_camel(name), **kind)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


# A pool of our own: the file has no package, so its names might be taken in the one that a process shares.
_pool = descriptor_pool.DescriptorPool()
_pool.Add(describe())


def _message(name: str) -> Any:
    return message_factory.GetMessageClass(_pool.FindMessageTypeByName(name))


KimballEvent = _message("KimballEvent")
Response = _message("Response")
PredictionRequest = _message("PredictionRequest")
PredictionResponse = _message("PredictionResponse")
