"""An answer as it stands in an HTTP message."""

from __future__ import annotations

import pytest

from ingest import answer
from ingest.answer import Answer, Busy, Refused


@pytest.mark.parametrize(
    ("told", "head"),
    [
        (answer.ok(), "201 Created\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 2\r\n"),
        (answer.done(), "204 No Content\r\n"),
        (
            answer.refused(Refused(400, "a"), as_text=True),
            "400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 1\r\n",
        ),
        (
            answer.refused(Busy("a", 7), as_text=False),
            "503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: 22\r\nretry-after: 7\r\n",
        ),
    ],
)
def test_its_head_says_what_its_fields_say(told: Answer, head: str) -> None:
    status, *lines = head.split("\r\n")[:-1]

    assert told.head == head
    assert (told.status, [": ".join(field) for field in told.fields]) == (status, lines)


@pytest.mark.parametrize("as_text", [True, False])
def test_whoever_is_to_come_back_is_told_when(as_text: bool) -> None:
    assert answer.refused(Busy("full", 3), as_text=as_text).retry_after_s == 3
    assert answer.refused(Refused(400, "bad"), as_text=as_text).retry_after_s is None
