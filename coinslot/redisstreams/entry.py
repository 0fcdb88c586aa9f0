"""A stream's entry (drawn in lua/put.lua) as the dict that kombu makes a message of."""

from __future__ import annotations

from typing import Any

import msgspec

Entry = tuple[bytes, dict[bytes, bytes]]

OURS = {b"body", b"events", b"meta"}


class _Meta(msgspec.Struct, rename="kebab"):
    content_type: str | None = None
    content_encoding: str | None = None
    headers: dict[str, Any] = {}
    properties: dict[str, Any] = {}


def to_payload(queue: str, entry: Entry, deliveries: int) -> dict[str, Any]:
    """`deliveries`: how often it has been delivered, this time included.

    Never raises: an entry that we did not write becomes a message that nobody can read, which is a dead letter. Nor
    does kombu when it makes a message of it: it would inflate or decode a body that asks for that, and ours never do.
    """
    id, fields = entry
    meta = _decode(fields.get(b"meta", b""))
    tag = id.decode()
    return {
        "body": fields.get(b"body", b""),
        "content-type": meta.content_type,
        "content-encoding": meta.content_encoding,
        # Earlier deliveries, as RabbitMQ's quorum queues say it; how many events put.lua counted; and when they were
        # accepted, by Redis' clock: an entry's id begins with that, unless replay.lua put it back later.
        "headers": {
            **meta.headers,
            "compression": None,
            "x-delivery-count": deliveries - 1,
            "events": _number(fields, b"events", max_digits=9),
            "received_at_ms": _number(fields, b"received_at_ms", max_digits=15) or int(tag.partition("-")[0]),
        },
        "properties": {
            **meta.properties,
            "body_encoding": None,
            "delivery_tag": tag,
            "delivery_info": {"exchange": "", "routing_key": queue, "redelivered": deliveries > 1},
        },
    }


def _number(fields: dict[bytes, bytes], name: bytes, max_digits: int) -> int | None:
    """None in an entry that somebody else has put there: the ledger knows nothing of it."""
    text = fields.get(name, b"")
    return int(text) if fields.keys() >= OURS and text.isdigit() and len(text) <= max_digits else None


def _decode(meta: bytes) -> _Meta:
    try:
        return msgspec.json.decode(meta, type=_Meta)
    except (msgspec.MsgspecError, ValueError, RecursionError):  # ValueError: text that is not UTF-8
        return _Meta()
