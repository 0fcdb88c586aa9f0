"""The four figures of every fault run: what was acknowledged, held against store, feed, ledger and queue."""

from __future__ import annotations

import msgspec

from coinslot import redisclient
from coinslot.changes import START, Feed
from coinslot.keys import Keys
from coinslot.selftest.account import CLEAN, Account, draw_up
from tests.pipeline import Pipeline

__all__ = ["CLEAN", "Account", "account", "fed_ids", "left_over"]

PAGE = 1000


def account(pipeline: Pipeline, acknowledged: set[str], attempted: set[str] | None = None) -> Account:
    """Take it when nothing is queued any more. `attempted`: all ids ever sent, if more than were acknowledged."""
    stored = [event["_id"] for event in pipeline.events()]
    fed, what = set(fed_ids(pipeline)), pipeline.audit()["what"]
    return draw_up(acknowledged, attempted or acknowledged, stored, fed, what, left_over(pipeline))


def left_over(pipeline: Pipeline) -> int:
    """Messages in the stream and in the hands of its consumers (XPENDING); another broker is not asked."""
    environment = pipeline.environment
    queue = Keys.of(environment["KEY_PREFIX"]).queue
    if environment.get("BROKER_URL"):
        return 0
    with redisclient.connect(environment["REDIS_URL"], timeout_s=5) as client:
        pending = [group["pending"] for group in client.xinfo_groups(queue)] if client.exists(queue) else []
        return int(client.xlen(queue)) + sum(pending)


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
