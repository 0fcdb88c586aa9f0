"""The composition of a checkup: every probe there is for these settings."""

from __future__ import annotations

from collections.abc import Iterator
from time import time

from coinslot import redisclient
from coinslot.doctor import broker, clock, configuration, ledger, machine, redis, store
from coinslot.doctor.examination import PROBE_TIMEOUT_S
from coinslot.doctor.finding import Finding, Probe
from coinslot.doctor.front import Front
from coinslot.settings import Settings


def probes(settings: Settings, url: str, token: str | None, now: clock.Clock = time) -> dict[str, Probe]:
    """url: where the front should be; now: this machine's clock, in s since 1970."""

    def ask_redis() -> Iterator[Finding]:
        with redisclient.connect(settings.redis_url, timeout_s=PROBE_TIMEOUT_S) as client:
            yield from redis.examine(client, settings, now)

    def ask_ledger() -> Iterator[Finding]:
        with redisclient.connect(settings.redis_url, timeout_s=PROBE_TIMEOUT_S) as client:
            yield from ledger.examine(client, settings)

    found: dict[str, Probe] = {
        "machine": lambda: machine.examine(settings.data_dir),
        "settings": lambda: configuration.examine(settings),
        "redis": ask_redis,
        "ledger": ask_ledger,
        "store": lambda: store.examine(settings, now),
        "front": Front(url, token, now, settings.ready_max_age_s).examine,
    }
    if not settings.queue_is_on_redis:
        found["broker"] = lambda: broker.examine(settings.broker_url)
    return found
