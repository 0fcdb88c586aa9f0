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
        # Earlier deliveries, as RabbitMQ's quorum queues say it; how many events put.lua counted; and when, for an
        # entry's id begins with that, by Redis' clock, unless replay.lua has put it back.
        "headers": {
            **meta.headers,
            "compression": None,
            "x-delivery-count": deliveries - 1,
            "events": _counted(fields),
            "received_at_ms": _received_at_ms(tag, fields, meta.headers),
        },
        "properties": {
            **meta.properties,
            "body_encoding": None,
            "delivery_tag": tag,
            "delivery_info": {"exchange": "", "routing_key": queue, "redelivered": deliveries > 1},
        },
    }


def _received_at_ms(tag: str, fields: dict[bytes, bytes], headers: dict[str, Any]) -> int:
    """When its events were first accepted. What anybody but replay.lua says of that is not believed."""
    put_at_ms = int(tag.partition("-")[0])
    first = headers.get("received_at_ms")
    is_replayed = fields.keys() >= OURS and headers.get("tried") is True
    return first if is_replayed and type(first) is int and 0 < first <= put_at_ms else put_at_ms


def _counted(fields: dict[bytes, bytes]) -> int | None:
    """None for an entry that somebody else has put there: the ledger knows nothing of it."""
    events = fields.get(b"events", b"")
    return int(events) if fields.keys() >= OURS and events.isdigit() and len(events) <= 9 else None


def _decode(meta: bytes) -> _Meta:
    try:
        return msgspec.json.decode(meta, type=_Meta)
    except (msgspec.MsgspecError, ValueError, RecursionError):  # ValueError: text that is not UTF-8
        return _Meta()
