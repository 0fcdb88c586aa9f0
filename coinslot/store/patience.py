"""How long a database that has gone silent is waited for."""

from __future__ import annotations

from typing import NamedTuple


class Patience(NamedTuple):
    """In ms. Silent is who lets a heartbeat go by, and then as long as a connection may take to be made.

    What is being asked then is given up, though it may take as long as it needs while there are heartbeats: a count of
    millions takes seconds. `selection_ms` is for finding another server, or the same again.

    monitoring: `stream` has the server tell of changes at once, which takes a second connection that measures how far
    away it is, at each heartbeat; `poll` asks at each, and that is all.
    """

    heartbeat_ms: int
    connect_ms: int
    selection_ms: int
    monitoring: str


# Somebody waits for the answer, and gets 503 within 2 s: the three, and half a second until the driver looks.
READING = Patience(heartbeat_ms=500, connect_ms=500, selection_ms=250, monitoring="poll")
# Nobody does, and to give up too soon is to store again what is stored.
STORING = Patience(heartbeat_ms=10_000, connect_ms=2_000, selection_ms=2_000, monitoring="stream")
