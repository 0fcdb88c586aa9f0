"""Messages that kill whoever reads them, among good ones under load."""

from __future__ import annotations

import time
from dataclasses import replace

from coinslot.client import Client
from coinslot.selftest.account import CLEAN
from tests.faults.campaign import LOAD, Campaign
from tests.faults.poison import replay_all
from tests.letters import all_letters, ids_in
from tests.pipeline import Pipeline

MAX_DELIVERIES = 5  # the default
WORKERS = 2


def check_deadly(pipeline: Pipeline, allergy: str, messages: int) -> None:
    """So many messages, one after another under load; prints the figures. The pipeline has no workers of its own.

    Only a message as a whole can be put aside: events that came with the deadly one in its commit die with it.
    """
    readers = [
        pipeline.process("tests.faults.allergic_worker", name=f"allergic-{n}", ALLERGY=allergy) for n in range(WORKERS)
    ]
    for reader in readers:
        reader.start()
    campaign = Campaign(pipeline, readers, **LOAD)

    deadly = poured(campaign, pipeline, messages)
    account = campaign.account_so_far()
    campaign.figures(f"messages that kill who would {allergy} them", messages, account)  # before they are told, late
    deaths = len(campaign.deaths)
    with Client(pipeline.url) as client:
        letters = [ids_in(client, letter) for letter in all_letters(client)]
    for reader in readers:
        reader.stop()
    pipeline.process("worker").start()
    replay_all(pipeline)
    afterwards = campaign.account()

    dead = [id for letter in letters for id in letter]
    print(
        f"{deaths} deaths of readers; {len(dead) - messages} good events were in the same messages and died with them"
    )
    campaign.figures("the same, replayed to healthy workers", len(letters), afterwards)
    assert account == replace(CLEAN, dead=len(dead))
    assert len(letters) == messages
    assert all(set(letter) & deadly for letter in letters)
    assert len(set(dead) & deadly) == messages
    assert messages <= deaths <= messages * MAX_DELIVERIES
    assert {death.partition("(")[2][:8] for death in campaign.deaths[:deaths]} == {"signal 9"}
    assert afterwards == CLEAN


def poured(campaign: Campaign, pipeline: Pipeline, messages: int) -> set[str]:
    """The ids of the deadly events; all of their messages are dead when this returns."""
    deadly: list[str] = []
    with campaign.under_load():
        for _ in range(messages):
            deadly += pipeline.send([{"timestamp": int(time.time() * 1000), "deadly": True}])
            campaign.supervise(campaign.flows(events=200), timeout_s=60)
        campaign.supervise(lambda: letters_of(pipeline) >= messages, timeout_s=60 + messages * 30)
    campaign.journal.acknowledge(deadly)
    return set(deadly)


def letters_of(pipeline: Pipeline) -> int:
    letters: int = pipeline.audit()["dead_letters"]
    return letters
