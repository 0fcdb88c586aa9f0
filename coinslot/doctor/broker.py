"""The broker that BROKER_URL names instead of Redis: whether it lets us in, and which it is."""

from __future__ import annotations

from collections.abc import Iterator

import kombu

from coinslot.doctor.examination import PROBE_TIMEOUT_S
from coinslot.doctor.finding import Finding, ok, wrong
from coinslot.queue import CLOSE_TIMEOUT_S, BrokerErrors

OLDEST_RABBITMQ = (3, 8)  # quorum queues came with it


def examine(url: str) -> Iterator[Finding]:
    timeouts = {"read_timeout": PROBE_TIMEOUT_S, "write_timeout": PROBE_TIMEOUT_S}
    connection = kombu.Connection(url, connect_timeout=PROBE_TIMEOUT_S, transport_options=timeouts)
    where = f"{connection.hostname}:{connection.port}"
    try:
        connection.connect()
        told = connection.connection.server_properties
    except BrokerErrors as error:
        yield wrong("broker", f"{where} cannot be reached: {error}", "start it, or set BROKER_URL")
        return
    finally:
        connection.collect(CLOSE_TIMEOUT_S)
    yield version(where, str(told.get("product", "")), str(told.get("version", "")))


def version(where: str, product: str, version: str) -> Finding:
    seen = f"{product} {version} at {where}"
    parts = [int(part) for part in version.split(".")[:2] if part.isdigit()]
    if product == "RabbitMQ" and tuple(parts) >= OLDEST_RABBITMQ:
        return ok("broker", seen)
    oldest = ".".join(map(str, OLDEST_RABBITMQ))
    return wrong("broker", f"{seen} may lack quorum queues", f"RabbitMQ {oldest} or newer, or an empty BROKER_URL")
