"""Ingest killed, many times, under load: make test-faults."""

from __future__ import annotations

from pathlib import Path

from coinslot.ports import free_port
from tests.faults.account import CLEAN
from tests.faults.campaign import Campaign
from tests.pipeline import START_TIMEOUT_S, Pipeline, until

KILLS = 100


def test_ingest_killed_under_load(redis_url: str, mongodb_url: str, prefix: str, tmp_path: Path) -> None:
    environment = {"REDIS_URL": redis_url, "MONGODB_URL": mongodb_url, "DB_NAME": prefix, "KEY_PREFIX": prefix}
    with Pipeline(tmp_path, environment, workers=2) as pipeline:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        ingest = pipeline.process("ingest", PORT=str(port))
        ingest.start()
        pipeline.wait_up(url)
        campaign = Campaign(pipeline, [ingest], post_url=url, events_per_post=10, pause_s=0.005)

        def kill() -> None:
            until(lambda: pipeline.answers("/alive", url), timeout_s=3 * START_TIMEOUT_S)
            until(campaign.flows(events=100), timeout_s=3 * START_TIMEOUT_S)
            ingest.kill()

        campaign.run({"ingest": kill}, times=KILLS, pause_s=(0.0, 0.3))
        account = campaign.account()

    campaign.figures("ingest kill -9", KILLS, account)
    assert account == CLEAN
    assert campaign.journal.unanswered > 0
