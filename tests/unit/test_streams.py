"""The stream's handovers, from the store to the feed and from the feed to the hub: nothing is missed between them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from api import stream
from api.hub import Delivery, Follower
from api.lane import StreamLane
from api.stream import PATH
from coinslot.changes import Change, Page, order


def change(number: int) -> Change:
    return Change(f"{number}-0", b'{"timestamp":%d}' % number)


class Backstage:
    """A store, a feed and a hub in one.

    `at_find` is fed while the store is read, `at_join` just before a follower joins the hub, which has handed out all
    but the last `hub_lag` changes by then, and then hands out `handed_out`.
    """

    def __init__(self, *fed: Change) -> None:
        self.fed = list(fed)
        self.at_find: list[Change] = []
        self.at_join: list[Change] = []
        self.handed_out: list[Page] = []
        self.hub_lag = 0
        self.reads = 0
        self.followers: list[Follower] = []

    def __len__(self) -> int:
        return len(self.followers)

    def tip(self) -> str:
        return self.fed[-1].cursor if self.fed else "0-0"

    def read(self, after: str, limit: int) -> Page:
        self.reads += 1
        return Page(None, [each for each in self.fed if order(each.cursor) > order(after)][:limit])

    def find(self, start: float) -> Iterator[bytes]:
        yield b'{"timestamp":0}\n'
        self.fed += self.at_find

    def wait(self, after: str, timeout_s: float) -> bool:
        return False

    async def join(self, content_type: str) -> Follower:
        self.fed += self.at_join
        follower = Follower(content_type, self.fed[-1 - self.hub_lag].cursor)
        self.followers.append(follower)
        for page in self.handed_out:
            assert follower.offer(Delivery(page, b"from the hub: %d\r\n" % len(page.changes)))
        asyncio.get_running_loop().call_later(0.05, follower.end)
        return follower

    def leave(self, follower: Follower) -> None:
        self.followers.remove(follower)


def follow(backstage: Any, query: str = "") -> list[Any]:
    """What a follower of JSON lines is told, until it is ended: numbers of changes, or words of the hub."""
    sent: list[dict[str, Any]] = []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": PATH, "headers": [], "query_string": query.encode()}
    asyncio.run(StreamLane(None, backstage, backstage, backstage, followers_max=1)(scope, receive, send))
    assert sent[0]["status"] == 200
    return told(b"".join(message["body"] for message in sent[1:]))


def follow_in_flask(backstage: Any, query: str = "") -> list[Any]:
    """The same from the Flask view, which is stopped when it has read the feed once."""
    stops = iter([False, True])
    app = Flask(__name__)
    app.register_blueprint(stream.blueprint(backstage, backstage, lambda: next(stops), lambda: 0.0, followers_max=1))
    response = app.test_client().get(f"{PATH}?{query}")
    assert response.status_code == 200
    return told(response.data)


def told(body: bytes) -> list[Any]:
    lines = body.decode().split("\r\n")
    return [json.loads(line)["doc"]["timestamp"] if line.startswith("{") else line for line in lines if line]


@pytest.fixture
def backstage() -> Backstage:
    return Backstage(change(1), change(2), change(3))


both = pytest.mark.parametrize("served", [follow, follow_in_flask])


@both
def test_a_follower_with_a_cursor_catches_up(backstage: Backstage, served: Any) -> None:
    assert served(backstage, "after=1-0") == [2, 3]


@both
def test_a_follower_without_one_begins_at_the_tip(backstage: Backstage, served: Any) -> None:
    assert served(backstage) == []


@both
def test_what_is_fed_while_the_store_is_read_is_not_missed(backstage: Backstage, served: Any) -> None:
    backstage.at_find = [change(4)]

    assert served(backstage, "start=0") == [0, 4]


def test_what_is_fed_between_catching_up_and_joining_is_not_missed(backstage: Backstage) -> None:
    backstage.at_join = [change(4), change(5)]

    assert follow(backstage, "after=1-0") == [2, 3, 4, 5]


def test_what_was_caught_up_with_is_not_told_again_by_the_hub(backstage: Backstage) -> None:
    backstage.at_join = [change(4)]
    backstage.handed_out = [Page(None, [change(3), change(4)]), Page(None, [change(4), change(5)])]

    assert follow(backstage, "after=2-0") == [3, 4, 5]


def test_what_came_before_a_follower_is_not_told_by_a_hub_that_lags_behind(backstage: Backstage) -> None:
    backstage.hub_lag = 2
    backstage.handed_out = [Page(None, [change(2), change(3)]), Page(None, [change(3), change(4)])]

    assert follow(backstage) == [4]


def test_a_follower_of_what_comes_reads_nothing_by_itself_unless_the_hub_is_ahead(backstage: Backstage) -> None:
    follow(backstage)
    reads = backstage.reads
    backstage.at_join = [change(4)]
    follow(backstage)

    assert (reads, backstage.reads > 0) == (0, True)


def test_what_is_new_comes_as_the_hub_has_framed_it(backstage: Backstage) -> None:
    backstage.handed_out = [Page(None, [change(4), change(5)])]

    assert follow(backstage) == ["from the hub: 2"]


def test_a_follower_that_is_ended_has_left(backstage: Backstage) -> None:
    follow(backstage)

    assert len(backstage) == 0


def test_a_head_in_flask_takes_no_followers_place(backstage: Backstage) -> None:
    app = Flask(__name__)
    app.register_blueprint(stream.blueprint(backstage, backstage, lambda: True, lambda: 0.0, followers_max=1))
    client = app.test_client()

    assert [client.head(PATH).status_code for _ in range(3)] == [200] * 3
    assert client.get(PATH).status_code == 200
