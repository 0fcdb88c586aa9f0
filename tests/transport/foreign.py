"""What somebody with redis-cli may put into the stream."""

from __future__ import annotations

FOREIGN: dict[str, dict[str, bytes]] = {
    "no body": {"hello": b"world"},
    "an event": {"body": b'[{"_id":"f","timestamp":1}]'},
    "meta that is no JSON": {"body": b"[]", "meta": b"no json"},
    "meta of other types": {"body": b"\xff", "meta": b'{"headers": 5}'},
    "a negative number": {"body": b"x", "events": b"-1", "meta": b'{"headers": {"events": -1, "tried": true}}'},
    "a large number": {"body": b"x", "events": b"1" * 30, "meta": b"{}"},
    "said to be compressed": {"body": b"x", "meta": b'{"headers": {"compression": "zlib"}}'},
    "said to be encoded": {"body": b"x", "meta": b'{"properties": {"body_encoding": "base64"}}'},
    "meta that is nested": {"body": b"x", "meta": b'{"headers": {"a": ' + b"[" * 5000 + b"]" * 5000 + b"}}"},
    "a body that is nested": {"body": b"[" * 5000 + b"]" * 5000, "meta": b'{"content-type": "application/x-yaml"}'},
}
