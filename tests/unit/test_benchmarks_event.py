"""What the benchmarks post."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

from benchmarks.http.event import FORM, JSON, NDJSON


def test_the_event_has_431_bytes_and_is_the_same_in_every_form() -> None:
    event = json.loads(JSON.text)

    assert len(JSON.text.encode()) == 431
    assert json.loads(parse_qs(FORM.text)["data"][0]) == event
    assert [json.loads(line) for line in NDJSON.text.splitlines()] == [event] * NDJSON.events
