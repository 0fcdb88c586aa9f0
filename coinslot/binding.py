"""Where the web servers listen: on loopback, or elsewhere if it has been said who may come in."""

from __future__ import annotations

import socket
from ipaddress import ip_address

from coinslot.errors import CannotStart
from coinslot.ports import check_address
from coinslot.settings import Settings


def listen_address(settings: Settings) -> tuple[str, int]:
    """The IP address and port to listen on, a free one for port 0. Raises CannotStart if that may not or cannot be."""
    address, port = check_address(settings.host, settings.port)
    if not (settings.auth_is_on or settings.api_auth == "disable") and (way := way_in(settings)):
        raise CannotStart(
            f"{way} can be reached from outside, and anybody could read and write: set tokens and API_AUTH=enable, or "
            "API_AUTH=disable if that is meant"
        )
    return address, port


def way_in(settings: Settings) -> str:
    """The setting, NAME=value, by which others than this machine get here; empty if none do."""
    if _is_loopback(settings.host):
        return ""
    if not settings.gateway:
        return f"HOST={settings.host}"
    # A container listens on all its addresses, and is reached where its gateway is published: without ADDRESS, on all.
    gateway_host = settings.gateway.rpartition(":")[0].strip("[]")
    return "" if _is_loopback(gateway_host) else f"GATEWAY={settings.gateway}"


def _is_loopback(host: str) -> bool:
    """Whether only this machine gets there; `host` is a name or an address. A name that nobody knows is no loopback."""
    try:
        return ip_address(socket.getaddrinfo(host, None)[0][4][0]).is_loopback
    except OSError:
        return False
