"""Analytic events by number: visits to the parts of a web site, some visited often and most of them seldom.

About one of two is a user's first visit to that part, as it is in the logs of such a site.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from benchmarks.pipeline.sign_ins import FIRST_MS

PARTS = 40
EVENTS_PER_USER = 30
GOAL = "visit:part-06"  # of middling popularity
_SEED = 1


def raws(events: int) -> Iterator[bytes]:
    """So many, each as a client sends it; those of one user are spread over all of them. Storing takes them as well."""
    chance = Random(_SEED)
    users = max(1, events // EVENTS_PER_USER)
    names, weights = [f"visit:part-{rank:02}" for rank in range(PARTS)], [1 / (rank + 1) for rank in range(PARTS)]
    for number, name in enumerate(chance.choices(names, weights, k=events)):
        user = f"u_{chance.randrange(users):010x}"
        yield b'{"timestamp":%d,"event_name":"%b","user_id":"%b"}' % (FIRST_MS + number, name.encode(), user.encode())
