"""Ranges in plain Flask, over a store that goes away in the middle of an answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from a2wsgi import WSGIMiddleware
from flask import Flask

from api import ranges
from coinslot.errors import StoreUnavailable
from coinslot.media import NDJSON
from coinslot.store.chunks import join
from coinslot.whole import Whole

EVENTS = [b'{"_id":"%d","timestamp":1}' % number for number in range(3)]


class Store:
    """Gives its events and then, unless it is `whole`, goes away."""

    def __init__(self, whole: bool) -> None:
        self.whole = whole

    def find(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield join(EVENTS[:2])
        yield join(EVENTS[2:])
        if not self.whole:
            raise StoreUnavailable()


class Endless:
    """Has so many events that nobody would wait for the last."""

    def __init__(self) -> None:
        self.read = 0

    def find(self, *_: Any, **__: Any) -> Iterator[bytes]:
        while self.read < 10_000:
            self.read += 1
            yield b'{"text":"%b"}\n' % (b"x" * ranges.PIECE_BYTES)


class Client:
    """Who asks for a range, as a server sees it: gone once so many pieces of the answer were sent."""

    def __init__(self, leaves_after: int) -> None:
        self.left = asyncio.Event()
        self._leaves_after = leaves_after
        self._requested = False
        self._pieces = 0

    async def receive(self) -> dict[str, Any]:
        if not self._requested:
            self._requested = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        self._pieces += message["type"] == "http.response.body"
        if self._pieces == self._leaves_after:
            self.left.set()


def answer(store: Any, accept: str) -> bytes:
    app = Flask("test")
    app.register_blueprint(ranges.blueprint(store))
    return app.test_client().get(ranges.PATH, headers={"Accept": accept}).data


def test_a_whole_range_is_an_array_or_a_line_each() -> None:
    assert json.loads(answer(Store(whole=True), "application/json")) == [json.loads(event) for event in EVENTS]
    assert answer(Store(whole=True), NDJSON) == b"\n".join(EVENTS) + b"\n"


def test_a_range_that_breaks_off_cannot_be_taken_for_whole() -> None:
    lines = answer(Store(whole=False), NDJSON)
    array = answer(Store(whole=False), "application/json")

    assert lines.startswith(b"\n".join(EVENTS))
    assert not lines.endswith(b"\n")
    for text in (lines.splitlines()[-1], array):
        with pytest.raises(ValueError, match="Expecting"):
            json.loads(text)


def test_of_a_range_that_its_reader_has_left_the_rest_is_not_read() -> None:
    store: Any = Endless()
    app = Flask("test")
    app.register_blueprint(ranges.blueprint(store))
    scope = {"type": "http", "method": "GET", "path": ranges.PATH, "query_string": b"", "headers": []}
    scope |= {"http_version": "1.1"}

    async def ask(client: Client) -> None:
        await Whole(WSGIMiddleware(app, workers=1))(scope, client.receive, client.send)

    asyncio.run(ask(Client(leaves_after=2)))

    assert 2 <= store.read < 100
