"""The servers that the settings name: whether they let us in, asked before anything is started on them."""

from __future__ import annotations

from itertools import islice

from coinslot.doctor.checkup import probes
from coinslot.doctor.examination import examine
from coinslot.doctor.finding import Probe
from coinslot.errors import NotReady
from coinslot.settings import Settings

LIMIT_S = 4.0


def check(settings: Settings) -> None:
    """Raises NotReady, after LIMIT_S at most, with the address of those that cannot be used, and what to do."""
    there = probes(settings, url="", token=None)
    findings = examine({name: _first(there[name]) for name in _named(settings)}, LIMIT_S)
    silent = [f"{finding.name}: {finding.seen.rstrip('.')}" for finding in findings if finding.state == "wrong"]
    if silent:
        raise NotReady(f"{'; '.join(silent)}; start it, or mend its URL, or unset that to test on a throwaway server")


def _named(settings: Settings) -> list[str]:
    """The probes of servers that are not brought along."""
    is_named = {
        "redis": settings.names_redis,
        "store": settings.db_backend == "mongodb" and settings.names_mongodb,
        "broker": not settings.queue_is_on_redis,
    }
    return [name for name, named in is_named.items() if named]


def _first(probe: Probe) -> Probe:
    """What a probe finds first: whether the server can be used. What weakens it is not the question here."""
    return lambda: islice(probe(), 1)
