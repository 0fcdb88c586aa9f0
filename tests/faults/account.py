"""The four figures of every fault run: what was acknowledged, held against store, feed and ledger."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import msgspec

from coinslot import redisclient
from coinslot.changes import START, Feed
from coinslot.keys import Keys
from tests.pipeline import Pipeline

PAGE = 1000


@dataclass(frozen=True)
class Account:
    """All are numbers of events; a run in which nothing went wrong has four zeros, and `what` empty."""

    lost: int  # acknowledged and not stored
    unexpected: int  # stored and never sent
    twice: int  # ids stored more than once
    unfed: int  # stored and not in the feed
    what: str  # what the ledger says is wrong


CLEAN = Account(lost=0, unexpected=0, twice=0, unfed=0, what="")


def account(pipeline: Pipeline, acknowledged: set[str], attempted: set[str] | None = None) -> Account:
    """Take it when nothing is queued any more. `attempted`: all ids ever sent, if more than were acknowledged."""
    stored = Counter(event["_id"] for event in pipeline.events())
    fed = set(fed_ids(pipeline))
    return Account(
        lost=len(acknowledged - set(stored)),
        unexpected=len(set(stored) - (attempted or acknowledged)),
        twice=sum(count - 1 for count in stored.values()),
        unfed=len(set(stored) - fed),
        what=pipeline.audit()["what"],
    )


def fed_ids(pipeline: Pipeline) -> list[str]:
    """The ids in the change feed, from its beginning, as a follower with a cursor reads it."""
    environment = pipeline.environment
    client = redisclient.connect(environment["REDIS_URL"], timeout_s=5)
    feed, cursor, ids = Feed(client, Keys.of(environment["KEY_PREFIX"])), START, []
    while (page := feed.read(cursor, PAGE)).changes:
        assert page.gap is None, page.gap
        ids += [msgspec.json.decode(change.event)["_id"] for change in page.changes]
        cursor = page.changes[-1].cursor
    client.close()
    return ids
