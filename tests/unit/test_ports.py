import socket

import pytest

from coinslot.errors import CannotStart
from coinslot.ports import check_address, free_port


def test_a_free_port_is_handed_back():
    port = free_port()

    assert check_address("127.0.0.1", port) == ("127.0.0.1", port)


def test_port_0_chooses_a_port():
    assert check_address("127.0.0.1", 0)[1] > 0


def test_a_port_in_use_is_named():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        with pytest.raises(CannotStart, match=f"port {port} on 127.0.0.1 is in use"):
            check_address("127.0.0.1", port)


def test_a_port_in_use_on_one_address_is_in_use_for_all_addresses():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        with pytest.raises(CannotStart, match="is in use"):
            check_address("0.0.0.0", port)


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(CannotStart, match=r"cannot listen on 192\.0\.2\.1"):
        check_address("192.0.2.1", 0)


def test_a_name_becomes_the_address_that_a_web_server_takes():
    assert check_address("localhost", 0)[0] in ("127.0.0.1", "::1")
