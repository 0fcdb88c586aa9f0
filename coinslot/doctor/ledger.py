"""The ledgers and the queues: do they balance, is one halted, what died, does anybody read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import redis
from redis.exceptions import NoPermissionError

from coinslot.doctor.finding import Finding, ok, untold, warning, wrong
from coinslot.errors import QueueUnavailable
from coinslot.keys import EVENTS, GROUP, Keys
from coinslot.ledger import Audit, Ledger
from coinslot.settings import Settings

SILENT = (redis.ConnectionError, redis.TimeoutError, OSError)  # it does not answer, or not us, or not yet


def examine(client: redis.Redis, settings: Settings) -> Iterator[Finding]:
    """Nothing where Redis does not answer, which its own probe says."""
    for queue, keys in Keys.of(settings.key_prefix).by_queue().items():
        ledger = Ledger(client, keys, queue_is_on_redis=settings.queue_is_on_redis)
        try:
            audit = ledger.audit()
        except QueueUnavailable as error:
            if not isinstance(error.__cause__, SILENT):
                yield untold("ledger", error, f"ACL SETUSER NAME +@scripting ~*{settings.key_prefix}*")
            return
        yield from _of_queue(queue, audit, keys)
        if settings.queue_is_on_redis:
            yield _workers(queue, client, ledger, keys, settings)


def _of_queue(queue: str, audit: Audit, keys: Keys) -> Iterator[Finding]:
    yield balance(queue, audit, keys)
    if queue == EVENTS:  # counting is never halted
        yield _halt(audit)
    yield _dead_letters(queue, audit)


def _name(queue: str, name: str) -> str:
    return name if queue == EVENTS else f"{queue}.{name}"


def balance(queue: str, audit: Audit, keys: Keys) -> Finding:
    name = _name(queue, "ledger")
    if not audit.faults:
        return ok(name, f"balances: {audit.accepted:,} accepted, {audit.queued:,} of them queued")
    harmless = "with an _id nothing is stored twice" if queue == EVENTS else "what was counted is not counted twice"
    remedy = f"send again what the sources still have: {harmless}"
    if audit.lost is not None:
        remedy += f"; when that is done: redis-cli HDEL '{keys.ledger}' lost"
    return wrong(name, "; ".join(audit.faults), remedy)


def _halt(audit: Audit) -> Finding:
    if not audit.halted:
        return ok("workers.halt", "they are not halted")
    seen = f"they are halted and store nothing: {audit.halted}"
    return wrong("workers.halt", seen, "coinslot dead list; mend the cause; then coinslot dead resume")


def _dead_letters(queue: str, audit: Audit) -> Finding:
    name = _name(queue, "dead_letters")
    if not audit.dead_letters:
        return ok(name, "none")
    seen = f"{audit.dead_letters:,} kept, of events that are not {'stored' if queue == EVENTS else 'counted'}"
    option = "" if queue == EVENTS else f" --queue {queue}"
    return warning(name, seen, f"coinslot dead list{option}; then coinslot dead replay or drop{option}")


def _workers(queue: str, client: redis.Redis, ledger: Ledger, keys: Keys, settings: Settings) -> Finding:
    try:
        seconds: int = client.time()[0]
        oldest_ms = ledger.oldest_queued_ms()
        waited_s = None if oldest_ms is None else seconds - oldest_ms / 1000
        consumers: Any = client.xinfo_consumers(keys.queue, GROUP) if oldest_ms is not None else []
    except NoPermissionError as error:
        return untold(_name(queue, "workers"), error, "ACL SETUSER NAME +time +xinfo")
    except redis.ResponseError:  # there is no group: Redis was emptied, and no worker has read since
        consumers = []
    idle_s = [consumer["idle"] / 1000 for consumer in consumers]
    return workers(_name(queue, "workers"), waited_s, idle_s, settings.claim_idle_s, settings.ready_max_age_s)


def workers(
    name: str, waited_s: float | None, idle_s: Sequence[float], claim_idle_s: float, max_age_s: float
) -> Finding:
    """waited_s: the oldest event in the queue, None if there is none; idle_s: since when each worker has been silent.

    Redis hears nothing of a worker that has nothing to do. One at work is never silent for CLAIM_IDLE_S.
    """
    if waited_s is None:
        return ok(name, "nothing waits for them")
    at_work = sum(idle < claim_idle_s for idle in idle_s)
    seen = f"{at_work} at work; the oldest event has waited for {max(0.0, waited_s):.0f} s"
    if waited_s < min(claim_idle_s, max_age_s):
        return ok(name, seen)
    if not at_work:
        return wrong(name, seen, "start one: python -m worker; if it should be there, see its log")
    if waited_s >= max_age_s:
        return warning(name, seen, "start more of them; see in their logs what holds them up")
    return ok(name, seen)
