"""Followers that are slow, cut off and left behind, many times, under load: make test-faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.followers import check_cut, check_left_behind
from tests.faults.frozen_followers import check_frozen
from tests.pipeline import Pipeline

CUTS, LEFT_BEHIND = 200, 20
FROZEN_EVENTS, SILENT = 15_000, 8  # 75 MB for each: more than sockets and servers hold
LONG_FEED, SHORT_FEED = {}, {"FEED_MAX_EVENTS": "1000"}


@pytest.fixture
def environment(redis_url: str, mongodb_url: str, prefix: str) -> dict[str, str]:
    return {"REDIS_URL": redis_url, "MONGODB_URL": mongodb_url, "DB_NAME": prefix, "KEY_PREFIX": prefix}


def test_followers_cut_off_under_load(environment: dict[str, str], tmp_path: Path) -> None:
    with Pipeline(tmp_path, environment, api=True) as pipeline:
        check_cut(pipeline, CUTS)


def test_followers_left_behind_by_a_small_feed_under_load(environment: dict[str, str], tmp_path: Path) -> None:
    with Pipeline(tmp_path, environment | {"FEED_MAX_EVENTS": "100"}, api=True) as pipeline:
        check_left_behind(pipeline, LEFT_BEHIND)


@pytest.mark.parametrize("feed", [LONG_FEED, SHORT_FEED], ids=["long-feed", "short-feed"])
@pytest.mark.parametrize("server", ["front", "api"])
def test_followers_frozen_under_load(
    server: str, feed: dict[str, str], environment: dict[str, str], tmp_path: Path
) -> None:
    with Pipeline(tmp_path, environment | feed, workers=2, api=True) as pipeline:
        assert pipeline.api
        process, url = (pipeline.front, pipeline.url) if server == "front" else (pipeline.api, pipeline.api_url)
        missed = check_frozen(pipeline, tmp_path, process, url, FROZEN_EVENTS, SILENT)
        log = (tmp_path / "follow.log").read_text()

    assert (missed > 0) == (feed is SHORT_FEED)
    assert ("changes were missed" in log) == (feed is SHORT_FEED)
