"""Beyond this machine only where it has been said who may come in."""

from __future__ import annotations

import re
import socket

import pytest

from coinslot.binding import listen_address
from coinslot.errors import CannotStart
from coinslot.settings import Settings

TOKEN = "a-token-0123456789"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a developer has set must not reach what is tested."""
    for name in Settings.names():
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost"])
def test_on_loopback_nothing_need_be_said(host: str) -> None:
    address, port = listen_address(Settings.load(host=host, port=0))

    assert address.startswith("127.") or address == "::1"
    assert port > 0


@pytest.mark.parametrize("host", ["0.0.0.0", "0"])
def test_every_other_address_is_refused_in_a_line_that_says_what_to_set(host: str) -> None:
    with pytest.raises(CannotStart, match=f"^HOST={host} .* set tokens and API_AUTH=enable, or API_AUTH=disable"):
        listen_address(Settings.load(host=host, port=0))


@pytest.mark.skipif(not socket.has_ipv6, reason="there is no IPv6 here")
def test_so_are_all_addresses_of_ipv6() -> None:
    with pytest.raises(CannotStart):
        listen_address(Settings.load(host="::", port=0))


@pytest.mark.parametrize("gateway", ["127.0.0.1:3000", "[::1]:80", "127.0.0.2:80"])
def test_a_container_need_not_be_told_while_its_gateway_is_published_on_loopback(gateway: str) -> None:
    assert listen_address(Settings.load(host="0.0.0.0", port=0, gateway=gateway))[0] == "0.0.0.0"


@pytest.mark.parametrize("gateway", ["0.0.0.0:80", "80", ":80", "[::]:80", "192.0.2.1:80", "no-such-host.invalid:80"])
def test_it_must_be_where_that_is_published_elsewhere(gateway: str) -> None:
    with pytest.raises(CannotStart, match=f"^GATEWAY={re.escape(gateway)} can be reached from outside"):
        listen_address(Settings.load(host="0.0.0.0", port=0, gateway=gateway))


def test_a_gateway_opens_nothing_that_listens_on_loopback() -> None:
    assert listen_address(Settings.load(port=0, gateway="0.0.0.0:80"))[0] == "127.0.0.1"


@pytest.mark.parametrize(
    "said", [{"api_auth": "disable"}, {"read_tokens": TOKEN}, {"api_auth": "enable", "admin_tokens": TOKEN}]
)
def test_it_listens_everywhere_where_tokens_are_asked_for_or_it_was_told_outright(said: dict[str, str]) -> None:
    assert listen_address(Settings.load(host="0.0.0.0", port=0, **said))[0] == "0.0.0.0"
