"""The messages that are made at run time are those of the .proto file."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2
from grpc_tools import protoc

from coinslot.integration import messages


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> descriptor_pb2.FileDescriptorProto:
    folder, out = files("coinslot.integration"), tmp_path_factory.mktemp("proto") / "set"
    assert protoc.main(["protoc", f"-I{folder}", f"--descriptor_set_out={out}", "kimball_integration.proto"]) == 0
    return descriptor_pb2.FileDescriptorSet.FromString(Path(out).read_bytes()).file[0]


def test_they_are_what_protoc_makes_of_the_file(compiled: descriptor_pb2.FileDescriptorProto) -> None:
    assert messages.describe() == compiled


def test_positive_control_another_number_is_seen(compiled: descriptor_pb2.FileDescriptorProto) -> None:
    described = messages.describe()

    described.message_type[0].field[0].number = 9

    assert described != compiled


def test_an_event_is_on_the_wire_as_the_contract_says() -> None:
    event = messages.KimballEvent(namespace="n", name="é", key="u")

    assert event.SerializeToString() == b"\x0a\x01n\x12\x02\xc3\xa9\x1a\x01u"
