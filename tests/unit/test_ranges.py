"""Ranges in plain Flask, over a store that goes away in the middle of an answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from api import ranges
from coinslot.errors import StoreUnavailable
from coinslot.media import NDJSON
from coinslot.store.chunks import join

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
