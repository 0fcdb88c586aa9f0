"""What the fuzzer begins with, and the words it builds with."""

from __future__ import annotations

import gzip
import sys

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

EVENTS = [
    b'{"timestamp": 1}',
    b'{"_id": "a", "timestamp": 1333046104322, "list": [1, 1.5, -0.0, true, null, "x"], "deep": {"a": {"b": {}}}}',
    b'{"timestamp": 9223372036854775807, "least": -9223372036854775808, "float": 1.7976931348623157e308}',
    rb'{"timestamp": 1e3, "text": "\u00fc\ud834\udd1e\"\\\/\b\f\n\r\t", "\u005fid": "b"}',
    '{"timestamp": -1, "ключ": "\U0001d11e\u2028", "$set": {"a.b": 1}}'.encode(),
    b'{"timestamp": 1, "value": ' + b"[" * 98 + b"]" * 98 + b"}",
    b'{\r\n "timestamp": 1,\n "timestamp": 2, "_id": "c", "_id": "d"\r}\n',
    b'{"timestamp": 1, "ref": {"$ref": "events", "$id": "x", "more": 1}}',
]
ANALYTIC_EVENTS = [
    b'{"event_name": "a", "user_id": "u"}',
    rb'{"event_name": "\u00fc", "user_id": "\ud834\udd1e", "namespace": null, "value": -1.5e3, "ensure_goal": true}',
    b'{"datetime": "2024-05-01T12:00:00.25+02:00",\n "user_id": "u", "event_name": "a", "page": {"url": ["/"]}}',
]
BODIES = [
    *EVENTS,
    b"[" + b",".join(EVENTS) + b"]",
    b"\n".join(EVENTS[:4]) + b"\r\n\r\n",
    b'{"data": "[{\\"timestamp\\": 1}]", "more": [{}]}',
    b'{"data": 1, "timestamp": 1}',
    b"other=1&data=%5B%7B%22timestamp%22%3A+1%7D%5D&data=2",
]
COMPRESSED = [
    compress(content)
    for compress in (gzip.compress, zstd.compress)
    for content in (b"", EVENTS[1], b"x" * 5000, bytes(100_000))
] + [gzip.compress(b"a") + gzip.compress(b"b"), zstd.compress(b"a") + zstd.compress(b"b")]

WORDS = [
    '"timestamp":',
    '"_id":',
    '"data":',
    '"$ref":',
    '"$id":',
    '"$oid"',
    "NaN",
    "Infinity",
    "true",
    "false",
    "null",
    "1e400",
    "1e-400",
    "-0",
    "9223372036854775808",
    "\\u0000",
    "\\ud800",
    "\\udc00",
    "[[[[[[[[",
    "{\"a\":{\"a\":{\"a\":",
]  # fmt: skip
