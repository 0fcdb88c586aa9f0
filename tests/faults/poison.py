"""Events that cannot be stored, and messages that kill their reader, among good ones under load."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from coinslot.client import Client
from coinslot.selftest.account import CLEAN
from tests.faults.campaign import LOAD, Campaign
from tests.letters import all_letters, collection, dead_ids, forbid
from tests.pipeline import Pipeline

ONE_IN = 100


class Rule(NamedTuple):
    """What the store takes; `lets_in`: how many bad events it takes nevertheless."""

    lay: Callable[[Pipeline], None]
    lift: Callable[[Pipeline], None]
    lets_in: int


def lay_index(pipeline: Pipeline) -> None:
    with collection(pipeline) as events:
        events.create_index("poison", name="poison", unique=True, sparse=True)


def lift_index(pipeline: Pipeline) -> None:
    with collection(pipeline) as events:
        events.drop_index("poison")


RULES = {
    "validator": Rule(lambda pipeline: forbid(pipeline, {"poison": {"$exists": False}}), lambda p: forbid(p, {}), 0),
    "unique index": Rule(lay_index, lift_index, 1),  # it refuses what is there already
}


def is_bad(id: str) -> bool:
    """One in a hundred, in the middle of its POST."""
    return int(id.rpartition("-")[2]) % ONE_IN == ONE_IN // 2 + 3


def bad_fields(id: str) -> dict[str, Any]:
    return {"poison": "arsenic"} if is_bad(id) else {}


def poisoned(pipeline: Pipeline, events: int) -> Campaign:
    """A load of so many events, one in a hundred of them bad; all is settled when this returns."""
    campaign = Campaign(pipeline, pipeline.workers, **LOAD, more=bad_fields)
    with campaign.under_load():
        campaign.supervise(campaign.flows(events), timeout_s=30 + events / 100)
    return campaign


def check_poison(pipeline: Pipeline, rule: str, events: int) -> None:
    """One in a hundred cannot be stored, and is once the rule is lifted; prints the figures."""
    lay, lift, lets_in = RULES[rule]
    lay(pipeline)

    campaign = poisoned(pipeline, events)
    while_refused = campaign.account_so_far()
    bad, audit = set(filter(is_bad, campaign.journal.acknowledged)), pipeline.audit()
    with Client(pipeline.url) as client:
        dead = dead_ids(client)
        stored = {event["_id"] for event in client.fetch_range()}
    campaign.figures(f"1 in {ONE_IN} refused by a {rule}", len(bad), while_refused)  # before the dead are told, late
    lift(pipeline)
    replayed = replay_all(pipeline)
    afterwards = campaign.account()

    campaign.figures("the same, replayed without it", replayed, afterwards)
    assert while_refused == replace(CLEAN, dead=len(bad) - lets_in)
    assert sorted(dead) == sorted(bad - stored)  # each once, and nothing else
    assert len(bad & stored) == lets_in
    assert (audit["dead"], audit["dead_letters"], audit["halted"]) == (len(dead), len(dead), "")
    assert campaign.deaths == []
    assert replayed == len(dead) > 0
    assert afterwards == CLEAN


def replay_all(pipeline: Pipeline) -> int:
    """The number of letters that were put back, each."""
    with Client(pipeline.url) as client:
        letters = all_letters(client)
        for letter in letters:
            client.replay(letter.id)
    return len(letters)
