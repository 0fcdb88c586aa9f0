"""Metrics, read as Prometheus reads them."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.memory import used_bytes
from coinslot.analytics.counter import Counter, Namespace
from tests.analytics.held import Held
from tests.analytics.shown import client, shop

Sample = tuple[str, tuple[tuple[str, str], ...]]


def scrape(path: str, counters: Held | None = None, **settings: Any) -> dict[Sample, float]:
    """By name and labels; fails on a sample that comes twice and on a metric without help."""
    response = client(counters or shop(), **settings).get(path)
    assert (response.status_code, response.content_type) == (200, "text/plain; version=0.0.4; charset=utf-8")
    families = list(text_string_to_metric_families(response.text))
    assert all(family.documentation for family in families)
    samples = [sample for family in families for sample in family.samples]
    found = {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in samples}
    assert len(found) == len(samples)
    return found


def of(name: str, samples: dict[Sample, float]) -> dict[tuple[str, ...], float]:
    """Values by those of the labels, in the order of the labels' names."""
    return {tuple(value for _, value in labels): got for (found, labels), got in samples.items() if found == name}


def test_metrics_of_this_coinslot() -> None:
    samples = scrape("/metrics", site_name="here", cluster_name="c1")

    assert samples == {
        ("kimball_counters", ()): 7,
        ("kimball_persist_counters_managed", ()): 3,
        ("kimball_event_add_duration_microseconds_sum", ()): 1234.5,
        ("kimball_event_add_duration_microseconds_count", ()): 6,
        ("kimball_counters_saturated", ()): 1,
        ("kimball_filter_bytes", ()): 130,
        ("coinslot_grpc_events_sent_total", (("target", "crm"),)): 8,
        ("coinslot_grpc_events_dropped_total", (("target", "crm"),)): 1,
        ("coinslot_info", (("cluster", "c1"), ("site", "here"))): 1,
    }


def test_memory_that_remains_is_told_where_there_is_a_limit() -> None:
    limit_bytes = 2**50

    remaining = scrape("/metrics", kubernetes_memory_limit=limit_bytes)["memory_remaining_bytes", ()]

    assert limit_bytes - 2**32 < remaining < limit_bytes - 2**20


def test_what_is_used_is_not_known_without_a_proc(tmp_path: Any) -> None:
    assert used_bytes(tmp_path / "statm") is None


def test_metrics_of_each_counter() -> None:
    samples = scrape("/metrics/counters")

    assert of("kimball_counter", samples) == {
        ("default", "global_counter"): 5,
        ("default", "visit"): 4,
        ("default", "search"): 2,
        ("default", "buy"): 2,
        ("other", "global_counter"): 1,
        ("other", "visit"): 1,
    }
    assert of("kimball_counter_weekly", samples) == {("default", "visit", "01", "2026"): 3}
    search, weekly = ("default", "search", "named"), ("default", "visit 202601", "weekly")
    for metric, values in (("filter_bytes", (3, 7)), ("kept", (3, 3)), ("capacity", (2, 10))):
        told = of(f"kimball_counter_{metric}", samples)

        assert len(told) == 7
        assert (told[search], told[weekly]) == values


def test_metrics_of_predictions_are_of_every_namespace() -> None:
    again = Namespace("again", (Counter("a", "named", 4), Counter("goal", "named", 1, singles={"a": 1})), ("goal",))
    counters = shop()
    counters.put(again)

    assert of("kimball_bayes_prediction", scrape("/metrics/predictions", counters)) == {
        ("visit", "buy", "default"): 0.5,
        ("search", "buy", "default"): 0.5,
        ("a", "goal", "again"): 0.25,
    }


@pytest.mark.parametrize(
    "name", ['"} 1\nkimball_counters{x="', "back\\slash", "new\nline", "snowman ☃", "global_counter"]
)
def test_a_name_of_anybodys_choice_stays_in_its_label(name: str) -> None:
    counters = (Counter("global_counter", "internal", 9), Counter(name, "named", 4), Counter(name, "weekly", 3))
    held = Held([Namespace(name, (*counters, Counter("goal", "named", 1, singles={name: 1})), ("goal",))])

    by_counter = scrape("/metrics/counters", held)

    assert of("kimball_counter", by_counter)[name, name] == 4
    assert of("kimball_counter_weekly", by_counter) == {(name, name, "00", "0000"): 3}
    assert of("kimball_bayes_prediction", scrape("/metrics/predictions", held)) == {(name, "goal", name): 0.25}
