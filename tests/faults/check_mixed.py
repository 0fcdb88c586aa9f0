"""Everything that can go wrong, over and over and on top of one another, under load: make test-faults.

MIXED_SECONDS says how long, half an hour by default; MIXED_SEED in which order.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from coinslot.client import Client
from coinslot.selftest.nemesis import Nemesis
from tests.faults.account import CLEAN
from tests.faults.campaign import Campaign
from tests.faults.poison import bad_fields, is_bad, replay_all
from tests.faults.stage import POISON, Stage, staged
from tests.faults.troubles import Troubles
from tests.letters import all_letters, ids_in

SECONDS = float(os.environ.get("MIXED_SECONDS", 1800))
SEED = int(os.environ.get("MIXED_SEED", 1))
PAUSE_S = (0.0, 3.0)
WELL_AGAIN_S = 120.0  # with three MongoDBs that may just have been killed
LOAD = {"events_per_post": 10, "pause_s": 0.2}


def test_everything_at_once(prefix: str, tmp_path: Path) -> None:
    with staged(tmp_path, prefix) as stage:
        campaign = Campaign(stage.pipeline, stage.processes, follow_url=stage.to_api.url, more=bad_fields, **LOAD)
        troubles = Troubles(stage, campaign, SEED)

        done = befall(campaign, troubles)
        account = campaign.account_so_far()
        campaign.figures(f"everything for {SECONDS:g} s by seed {SEED}", sum(done.values()), account)
        dead = messages_of_letters(stage)
        heal(stage)
        replayed = replay_all(stage.pipeline)
        afterwards = campaign.account()

    journal, deadly = campaign.journal, set(troubles.deadly)
    print("\n".join(f"{times:4} {what}" for what, times in sorted(done.items())))
    print(f"{len(campaign.deaths)} deaths, {troubles.lost_replies} replies and {troubles.lost_bytes} bytes lost")
    worn_out = [ids for ids in dead if not deadly & {*ids} and not all(map(is_bad, ids))]
    print(f"{len(dead)} letters; {len(worn_out)} of messages that met too many deaths of others' making")
    campaign.figures("the same, when the dead were replayed to healthy workers", replayed, afterwards)
    # What is sent again may die again. That nothing is stored twice, what is replayed included, shows in the second.
    assert replace(account, twice=0, dead=0) == CLEAN
    assert {*filter(is_bad, journal.acknowledged)} <= {id for ids in dead for id in ids}
    assert afterwards == CLEAN
    assert set(journal.refusals) <= {503}
    assert campaign.witness.gaps == []


def befall(campaign: Campaign, troubles: Troubles) -> Mapping[str, int]:
    """Two troubles at a time, for so long; how often each came."""
    ours = Nemesis(troubles.ours(), PAUSE_S, SEED)
    theirs = Nemesis(troubles.theirs(), PAUSE_S, SEED)
    over_at = time.monotonic() + SECONDS
    with campaign.under_load():
        with ours, theirs:
            campaign.supervise(
                lambda: time.monotonic() > over_at or ours.has_ended() or theirs.has_ended(), timeout_s=2 * SECONDS
            )
            ours.end()
            theirs.end()
            # The last of each may wait for what is started again here.
            campaign.supervise(lambda: ours.has_ended() and theirs.has_ended(), timeout_s=WELL_AGAIN_S)
        campaign.supervise(campaign.flows(), timeout_s=WELL_AGAIN_S)
    return ours.done + theirs.done


def messages_of_letters(stage: Stage) -> list[list[str]]:
    """The ids of the events in each dead letter."""
    with Client(stage.pipeline.url) as client:
        return [ids_in(client, letter) for letter in all_letters(client)]


def heal(stage: Stage) -> None:
    """The store takes everything, and the worker bears everything."""
    for reader in stage.readers:
        reader.stop()
    POISON.lift(stage.pipeline)
    stage.pipeline.process("worker").start()
