"""What followers go through under load: cut off at random, and away for longer than the feed reaches back."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace

from coinslot.selftest.account import CLEAN
from tests.faults.campaign import LOAD, Campaign
from tests.faults.cutter import Cutter
from tests.faults.feed_log import FeedLog
from tests.faults.follower import FORMATS, Follower
from tests.faults.report import Report, draw_up
from tests.pipeline import Pipeline

TOLD_S = 60.0


def servers_of(pipeline: Pipeline) -> dict[str, str]:
    return {"front": pipeline.url, "api": pipeline.api_url}


def check_cut(pipeline: Pipeline, cuts: int) -> None:
    """Followers of both servers in both formats, each cut off so many times; prints the figures."""
    campaign = Campaign(pipeline, pipeline.workers, **LOAD)
    with ExitStack() as opened, FeedLog(pipeline) as log:
        cutters = {server: opened.enter_context(Cutter(url)) for server, url in servers_of(pipeline).items()}
        followers = {
            (server, name): opened.enter_context(Follower(cutter.url, accept))
            for server, cutter in cutters.items()
            for name, accept in FORMATS.items()
        }
        with campaign.under_load():
            campaign.supervise(lambda: all(each.connections > cuts for each in followers.values()), timeout_s=60 + cuts)
        account = campaign.account()
        for cutter in cutters.values():
            cutter.heal()
        reports = {what: report_of(campaign, follower, log) for what, follower in followers.items()}

    campaign.figures("followers cut off at random", sum(each.connections for each in followers.values()), account)
    for what, report in reports.items():
        print(f"{' '.join(what)}: {report}")
    assert account == CLEAN
    assert all(cutter.cuts >= cuts for cutter in cutters.values())
    assert list(reports.values()) == [Report()] * len(reports)


def check_left_behind(pipeline: Pipeline, times: int) -> None:
    """With a feed of a hundred or so, followers stay away while more than that come; prints the figures."""
    campaign = Campaign(pipeline, pipeline.workers, **LOAD)
    with ExitStack() as opened, FeedLog(pipeline) as log:
        followers = {
            (server, name): opened.enter_context(Follower(url, accept))
            for server, url in servers_of(pipeline).items()
            for name, accept in FORMATS.items()
        }
        with campaign.under_load():
            for _ in range(times):
                stay_away(campaign, list(followers.values()))
        account = campaign.account()
        reports = {what: report_of(campaign, follower, log) for what, follower in followers.items()}

    campaign.figures("cursor older than the feed", times, account)
    for what, report in reports.items():
        print(f"{' '.join(what)}: {report}")
    assert replace(account, unfed=0) == CLEAN
    assert account.unfed == 0 or campaign.witness.gaps  # it may be too slow for so small a feed, and is told
    assert all(report.is_right and report.repeated == 0 for report in reports.values())
    assert all(report.gaps >= times for report in reports.values())


def stay_away(campaign: Campaign, followers: list[Follower]) -> None:
    """Until what they have seen has left the feed; return when they follow again."""
    for follower in followers:
        follower.go_away()
    campaign.supervise(campaign.flows(events=500), timeout_s=60)
    told = [len(follower.told) for follower in followers]
    for follower in followers:
        follower.come_back()
    campaign.supervise(
        lambda: all(len(each.told) > before + 10 for each, before in zip(followers, told, strict=True)), timeout_s=60
    )


def report_of(campaign: Campaign, follower: Follower, log: FeedLog) -> Report:
    """Once it has been told of the last change, or should have been."""
    deadline = time.monotonic() + TOLD_S
    while follower.told[-1].id != log.fed[-1] and time.monotonic() < deadline:
        time.sleep(0.05)
    return draw_up(list(follower.told), log.fed)
