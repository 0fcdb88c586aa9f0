"""Followers under load, briefly; the long runs are in check_followers.py."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from coinslot.selftest.account import CLEAN, draw_up
from tests.faults.campaign import LOAD, Campaign
from tests.faults.cutter import Cutter
from tests.faults.follower import Follower
from tests.faults.followers import check_cut, check_left_behind, servers_of
from tests.faults.frozen_followers import check_frozen, silent_followers
from tests.memory import Memory
from tests.pipeline import Pipeline

SILENT, MIB_EACH = 10, 8  # some pages of the feed or the store, in several forms, and what the web server holds
POSTS, EVENTS_A_POST, EVENT_BYTES = 10, 4, 500_000


@pytest.fixture
def environment(redis_url: str, prefix: str) -> dict[str, str]:
    return {"REDIS_URL": redis_url, "DB_BACKEND": "sqlite", "KEY_PREFIX": prefix}


def test_followers_cut_off_in_the_middle_of_a_change_miss_none_and_hear_them_in_order(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with Pipeline(tmp_path, environment, api=True) as pipeline:
        check_cut(pipeline, cuts=10)


def test_positive_control_a_follower_cut_off_that_keeps_no_cursor_misses_changes(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with Pipeline(tmp_path, environment) as pipeline, Cutter(pipeline.url) as cutter:
        campaign = Campaign(pipeline, pipeline.workers, **LOAD)
        with Follower(cutter.url, resumes=False) as follower:
            with campaign.under_load():
                campaign.supervise(lambda: follower.connections > 10, timeout_s=60)
            account = campaign.account()
        sent = campaign.journal.acknowledged

    assert account == CLEAN
    assert draw_up(sent, sent, sent, follower.ids, "").unfed > 0


def test_followers_whose_cursor_is_older_than_the_feed_are_told_so_and_then_miss_nothing(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with Pipeline(tmp_path, environment | {"FEED_MAX_EVENTS": "100"}, api=True) as pipeline:
        check_left_behind(pipeline, times=1)


def test_a_follower_that_was_frozen_misses_nothing(environment: dict[str, str], tmp_path: Path) -> None:
    with Pipeline(tmp_path, environment, api=True) as pipeline:
        assert pipeline.api
        missed = check_frozen(pipeline, tmp_path, pipeline.api, pipeline.api_url, events=300, silent=0)

    assert missed == 0


@pytest.mark.parametrize("query", ["?after=0-0", "?start=0"])
def test_followers_that_begin_far_back_and_read_nothing_take_little_memory(
    query: str, environment: dict[str, str], tmp_path: Path
) -> None:
    with Pipeline(tmp_path, environment, api=True) as pipeline:
        for _ in range(POSTS):
            pipeline.send([{"timestamp": 1, "text": "x" * EVENT_BYTES} for _ in range(EVENTS_A_POST)])
        pipeline.wait_settled(timeout_s=30)

        grown_mib = {}
        for name, url in servers_of(pipeline).items():
            server = pipeline.api if name == "api" else pipeline.front
            memory = Memory(server.pid if server else None)
            with silent_followers(url, SILENT, query):
                time.sleep(2)  # for what they are sent to pile up
            grown_mib[name] = memory.grown_mib()

    print(grown_mib)
    assert max(grown_mib.values()) < SILENT * MIB_EACH
