"""A channel to a gRPC target: not encrypted, and dead connections are found.

Needs the extra `grpc`.
"""

from __future__ import annotations

from typing import Any

import grpc

# Servers take a client for abusive that pings a quiet connection more often than every 5 min. Data that nobody
# acknowledges ends it after SILENT_MS: with keepalive on, gRPC sets TCP_USER_TIMEOUT to its timeout.
KEEPALIVE_TIME_MS = 310_000
SILENT_MS = 10_000
RECONNECT_MAX_MS = 5_000


def open_channel(address: str, keepalive_time_ms: int = KEEPALIVE_TIME_MS, silent_ms: int = SILENT_MS) -> Any:
    """A grpc.Channel, which connects when it is first used, and again whenever it must."""
    options = [
        ("grpc.keepalive_time_ms", keepalive_time_ms),
        ("grpc.keepalive_timeout_ms", silent_ms),
        ("grpc.http2.ping_timeout_ms", silent_ms),  # a minute by default, whatever the other says
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", RECONNECT_MAX_MS),  # how long one attempt may take
        ("grpc.max_reconnect_backoff_ms", RECONNECT_MAX_MS),
        ("grpc.enable_http_proxy", 0),  # targets are neighbours
        ("grpc.use_local_subchannel_pool", 1),  # two channels to one address have a connection each
    ]
    return grpc.insecure_channel(address, options)
