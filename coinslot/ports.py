"""TCP ports, asked for before anything is started."""

from __future__ import annotations

import errno
import socket

from coinslot.errors import CannotStart

LOOPBACK = "127.0.0.1"


def free_port(host: str = LOOPBACK) -> int:
    """A port nobody listens on now; it may be gone by the time it is used."""
    return check_address(host, 0)[1]


def check_address(host: str, port: int) -> tuple[str, int]:
    """The IP address and port to listen on, a free one for port 0. Raises CannotStart if that is not possible."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, _, _, address = found[0]
        with socket.socket(family, kind) as probe:
            # As the web server does it: connections that linger from an earlier run are not in the way.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            name = probe.getsockname()
            return str(name[0]), int(name[1])
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CannotStart(f"port {port} on {host} is in use: choose another PORT") from None
        raise CannotStart(f"cannot listen on {host}, port {port}: {error.strerror}") from None
