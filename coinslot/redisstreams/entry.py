"""A stream's entry (drawn in lua/put.lua) as the dict that kombu makes a message of."""

from __future__ import annotations

from typing import Any

import msgspec

Entry = tuple[bytes, dict[bytes, bytes]]


def to_payload(queue: str, entry: Entry, deliveries: int) -> dict[str, Any]:
    """`deliveries`: how often it has been delivered, this time included.

    Never raises: an entry that we did not write becomes a message that nobody can read, which is a dead letter.
    """
    id, fields = entry
    meta = _decode(fields.get(b"meta", b""))
    return {
        **meta,
        "body": fields.get(b"body", b""),
        # Earlier deliveries, as RabbitMQ's quorum queues say it.
        "headers": {**meta.get("headers", {}), "x-delivery-count": deliveries - 1},
        "properties": {
            **meta.get("properties", {}),
            "delivery_tag": id.decode(),
            "delivery_info": {"exchange": "", "routing_key": queue, "redelivered": deliveries > 1},
        },
    }


def _decode(meta: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(meta, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}
