"""The servers' start, with stand-ins for their programs; the stack's acceptance test runs the real ones."""

import pytest

from coinslot.errors import NotReady
from coinslot.stack.servers import MongoServer, RedisServer

PRINTS_ITS_ARGUMENTS = '#!/bin/sh\nfor argument; do echo "[$argument]"; done\n'


@pytest.fixture
def binary(tmp_path):
    path = tmp_path / "server"
    path.write_text(PRINTS_ITS_ARGUMENTS)
    path.chmod(0o755)
    return path


def arguments_of(server):
    server.start()
    server.wait(10)
    return server.log.read_text().replace("[", "").replace("]", "").split("\n")


def value(arguments, name):
    return arguments[arguments.index(name) + 1]


def test_redis_loses_nothing_it_acknowledged_and_listens_on_loopback_alone(tmp_path, binary):
    server = RedisServer(tmp_path, binary=binary)

    arguments = arguments_of(server)

    assert value(arguments, "--appendonly") == "yes"
    assert value(arguments, "--appendfsync") == "always"
    assert value(arguments, "--maxmemory-policy") == "noeviction"
    assert value(arguments, "--save") == ""
    assert value(arguments, "--bind") == "127.0.0.1"
    assert value(arguments, "--dir") == str(tmp_path)
    assert server.url == f"redis://127.0.0.1:{value(arguments, '--port')}/0"


def test_options_stand_over_the_directives_of_redis(tmp_path, binary):
    server = RedisServer(tmp_path, 7000, binary=binary, appendfsync="everysec", maxmemory="20mb")

    arguments = arguments_of(server)

    assert value(arguments, "--appendfsync") == "everysec"
    assert value(arguments, "--maxmemory") == "20mb"
    assert value(arguments, "--port") == "7000"


def test_mongod_keeps_its_data_in_the_folder_and_listens_on_loopback_alone(tmp_path, binary):
    server = MongoServer(tmp_path, binary=binary, arguments=("--replSet", "rs0"))

    arguments = arguments_of(server)

    assert value(arguments, "--dbpath") == str(tmp_path)
    assert value(arguments, "--bind_ip") == "127.0.0.1"
    assert value(arguments, "--replSet") == "rs0"
    assert server.url == f"mongodb://127.0.0.1:{value(arguments, '--port')}/"


def test_a_server_that_ends_at_its_start_is_reported_with_the_end_of_its_log(tmp_path, binary):
    binary.write_text("#!/bin/sh\necho 'Failed to write: no space left' >&2\n")
    server = RedisServer(tmp_path, binary=binary)
    server.start()

    with pytest.raises(NotReady, match=r"redis ended at its start; its log, .*\.log, ends with:\nFailed to write"):
        server.wait_ready(timeout_s=10)


def test_a_server_that_never_answers_is_reported(tmp_path, binary):
    binary.write_text("#!/bin/sh\nexec sleep 60\n")
    server = RedisServer(tmp_path, binary=binary)
    server.start()

    try:
        with pytest.raises(NotReady, match=r"redis does not answer after 0\.1 s"):
            server.wait_ready(timeout_s=0.1)
    finally:
        server.kill()
