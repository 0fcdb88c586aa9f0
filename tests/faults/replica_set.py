"""A MongoDB replica set of three on this machine, whose members a test may kill, freeze and start again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pymongo
from pymongo.errors import OperationFailure, PyMongoError

from coinslot.stack.servers import MongoServer
from tests.faults.frozen import wake
from tests.pipeline import until

NAME = "rs0"
MEMBERS = 3
ELECTION_TIMEOUT_S = 10.0  # MongoDB's own default
CONNECT_TIMEOUT_MS, COMMAND_TIMEOUT_MS = 1_000, 15_000
SETTLED_TIMEOUT_S = 60.0  # elections, with a rollback before them
STEPPED_DOWN_S, CATCH_UP_S = 10, 5  # for so long it does not stand for election again; the others may take to catch up


class ReplicaSet:
    """`url` names all members; `with` it, or `start` and `stop`.

    election_timeout_s: after so long without a primary the others elect one, and a primary without a majority gives up.
    reach: from a member's own URL the one by which all others, clients and members, are to reach it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        election_timeout_s: float = ELECTION_TIMEOUT_S,
        arguments: Sequence[str] = (),
        reach: Callable[[str], str] = str,
    ) -> None:
        self.members = [_member(folder / f"mongodb-{n}", arguments) for n in range(MEMBERS)]
        self._hosts = [urlsplit(reach(member.url)).netloc for member in self.members]
        self._election_timeout_s = election_timeout_s
        self.url = f"mongodb://{','.join(self._hosts)}/?replicaSet={NAME}"

    def start(self) -> None:
        for member in self.members:
            member.start()
        for member in self.members:
            member.wait_ready()
        members = [{"_id": n, "host": host} for n, host in enumerate(self._hosts)]
        settings = {"electionTimeoutMillis": int(self._election_timeout_s * 1000)}
        command(self.members[0], "replSetInitiate", {"_id": NAME, "members": members, "settings": settings})
        self.wait_whole()

    def primary(self) -> MongoServer:
        """The member that a majority has elected; waits for it."""
        return until(self._primary, timeout_s=SETTLED_TIMEOUT_S, what="a primary")

    def secondaries(self) -> list[MongoServer]:
        primary = self.primary()
        return [member for member in self.members if member is not primary]

    def wait_whole(self) -> None:
        """Return once there is a primary, and all others follow it."""
        until(self._is_whole, timeout_s=SETTLED_TIMEOUT_S, what="a primary and two secondaries")

    def step_down(self) -> None:
        """Have the primary give up its office, in favour of another."""
        command(self.primary(), "replSetStepDown", STEPPED_DOWN_S, secondaryCatchUpPeriodSecs=CATCH_UP_S)

    def elect(self, member: MongoServer) -> None:
        """Make this member primary."""
        until(lambda: _stands(member), timeout_s=SETTLED_TIMEOUT_S, what="standing for election")
        until(lambda: self._primary() is member, timeout_s=SETTLED_TIMEOUT_S, what="elected")

    def kill_primary(self) -> MongoServer:
        """kill -9; returns who it was."""
        primary = self.primary()
        primary.kill()
        return primary

    def restore(self) -> None:
        """Start again who is dead, wake who is frozen, and return once the set is whole."""
        for member in self.members:
            if not member.is_running():
                member.start()
            wake(member)
        self.wait_whole()

    def rollbacks(self) -> int:
        """How often a member threw away what the others did not have, since `start`."""
        return sum(member.log.read_text().count("Transition to ROLLBACK") for member in self.members)

    def stop(self) -> None:
        for member in self.members:
            if member.is_running():
                wake(member)  # a frozen one would not hear that it is to end
            member.terminate()
        for member in self.members:
            member.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _primary(self) -> MongoServer | None:
        """Of those who hold themselves for primary, the one elected last: a frozen one wakes as what it was."""
        hellos = [(hello, member) for member in self.members if (hello := _hello(member)).get("isWritablePrimary")]
        return max(hellos, key=lambda each: each[0]["electionId"])[1] if hellos else None

    def _is_whole(self) -> bool:
        hellos = [_hello(member) for member in self.members]
        followers = sum(bool(hello.get("secondary")) for hello in hellos)
        return sum(bool(hello.get("isWritablePrimary")) for hello in hellos) == 1 and followers == MEMBERS - 1


def command(member: MongoServer, name: str, value: object = 1, **arguments: object) -> dict[str, Any]:
    """Ask this member alone; raises PyMongoError."""
    with pymongo.MongoClient[dict[str, Any]](
        member.url,
        directConnection=True,
        serverSelectionTimeoutMS=CONNECT_TIMEOUT_MS,
        connectTimeoutMS=CONNECT_TIMEOUT_MS,
        socketTimeoutMS=COMMAND_TIMEOUT_MS,
    ) as client:
        return client.admin.command(name, value, **arguments)


def _stands(member: MongoServer) -> bool:
    """Whether it has stood for election; it is refused while it lags behind the others."""
    try:
        command(member, "replSetFreeze", 0)  # it may have stepped down lately
        command(member, "replSetStepUp")
    except OperationFailure:
        return False
    return True


def _hello(member: MongoServer) -> dict[str, Any]:
    """Empty if it does not answer."""
    try:
        return command(member, "hello")
    except PyMongoError:
        return {}


def _member(folder: Path, arguments: Sequence[str]) -> MongoServer:
    folder.mkdir(parents=True)
    return MongoServer(folder, arguments=("--replSet", NAME, *arguments))
