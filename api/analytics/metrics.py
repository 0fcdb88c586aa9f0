"""Metrics for Prometheus: what each says is its help text, in the answer itself.

GET /metrics              this Coinslot
GET /metrics/counters     every counter of every namespace
GET /metrics/predictions  what GET /v0/predictions tells of every namespace
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from flask import Blueprint, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
    SummaryMetricFamily,
)

from api.analytics.counts import shown_name
from coinslot.analytics.counter import Counter, Namespace
from coinslot.analytics.counters import Counters
from coinslot.analytics.predictions import for_all
from coinslot.analytics.settings import AnalyticsSettings
from coinslot.integration.forwarded import Forwarded

PATH = "/metrics"

ReadForwarded = Callable[[], Mapping[str, Forwarded]]
Used = Callable[[], int | None]


def blueprint(
    counters: Counters, settings: AnalyticsSettings, read_forwarded: ReadForwarded, used_bytes: Used
) -> Blueprint:
    """read_forwarded: by gRPC target; raises QueueUnavailable. used_bytes: what this process takes, None if unknown."""
    routes = Blueprint("metrics", __name__)

    @routes.get(PATH)
    def ours() -> Response:
        of_counters = [*_counting(counters), *_filters(_namespaces(counters))]
        return _text([*of_counters, *_forwarding(read_forwarded()), *_server(settings, used_bytes)])

    @routes.get(f"{PATH}/counters")
    def by_counter() -> Response:
        return _text(_by_counter(_namespaces(counters)))

    @routes.get(f"{PATH}/predictions")
    def by_prediction() -> Response:
        return _text([_predictions(_namespaces(counters))])

    return routes


class _Collected:
    """What was collected for one answer: nothing is kept from one to the next, and nothing is global."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _text(families: Iterable[Metric]) -> Response:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(families))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _namespaces(counters: Counters) -> list[Namespace]:
    return [counters.namespace(name) for name in counters.namespaces()]


def _counting(counters: Counters) -> Iterator[Metric]:
    taken = counters.durations()
    yield GaugeMetricFamily("kimball_counters", "Counters that are known.", counters.known())
    yield GaugeMetricFamily(
        "kimball_persist_counters_managed", "Counters that the last round of persisting kept.", counters.persisted()
    )
    yield SummaryMetricFamily(
        "kimball_event_add_duration_microseconds", "How long counting an event took.", taken.events, taken.sum_us
    )


def _filters(namespaces: Iterable[Namespace]) -> Iterator[Metric]:
    counters = [counter for namespace in namespaces for counter in namespace.counters]
    yield GaugeMetricFamily(
        "kimball_counters_saturated",
        "Fixed filters that hold more users than they are made for, so that their counts are lower bounds. "
        "Not 0: give the counters' rule a larger size, or bloom_scalable.",
        sum(counter.saturated for counter in counters),
    )
    yield GaugeMetricFamily(
        "kimball_filter_bytes", "Bytes that all filters take.", sum(counter.filter_bytes for counter in counters)
    )


def _forwarding(forwarded: Mapping[str, Forwarded]) -> Iterator[Metric]:
    sent = CounterMetricFamily("coinslot_grpc_events_sent", "Events that a gRPC target was sent.", labels=["target"])
    dropped = CounterMetricFamily(
        "coinslot_grpc_events_dropped", "Events that it was not, as it did not take them in time.", labels=["target"]
    )
    for target, events in forwarded.items():
        sent.add_metric([target], events.sent)
        dropped.add_metric([target], events.dropped)
    yield from (sent, dropped)


def _server(settings: AnalyticsSettings, used_bytes: Used) -> Iterator[Metric]:
    named = {"site": settings.site_name, "cluster": settings.cluster_name}
    yield InfoMetricFamily("coinslot", "Which Coinslot this is.", named)
    used = used_bytes() if settings.kubernetes_memory_limit else None
    if used is not None:
        help = "KUBERNETES_MEMORY_LIMIT less what the process that answers this takes."
        yield GaugeMetricFamily("memory_remaining_bytes", help, settings.kubernetes_memory_limit - used)


def _by_counter(namespaces: Iterable[Namespace]) -> list[Metric]:
    each, weekly = ["kimball_namespace", "name"], ["kimball_namespace", "name", "year", "week"]
    users = GaugeMetricFamily("kimball_counter", "Users that a counter has counted.", labels=each)
    of_week = GaugeMetricFamily("kimball_counter_weekly", "Users that it has counted in an ISO week.", labels=weekly)
    filters = _OfFilters()
    for namespace in namespaces:
        for name, count in _users(namespace).items():
            users.add_metric([namespace.name, name], count)
        for counter in namespace.counters:
            if counter.kind == "weekly":
                labels = [namespace.name, counter.name, f"{counter.year:04}", f"{counter.week:02}"]
                of_week.add_metric(labels, counter.count)
            filters.add(namespace.name, counter)
    return [users, of_week, *filters.families]


def _users(namespace: Namespace) -> dict[str, int]:
    """By name, once each: an event that is named like the internal counter stands for it."""
    kinds = ("internal", "named")
    return {counter.name: counter.count for kind in kinds for counter in namespace.counters if counter.kind == kind}


class _OfFilters:
    """What the filter of each counter takes, and holds."""

    def __init__(self) -> None:
        labels = ["kimball_namespace", "type", "name"]  # an event may be named like a counter of another type
        self._bytes = GaugeMetricFamily("kimball_counter_filter_bytes", "Bytes that its filter takes.", labels=labels)
        self._kept = GaugeMetricFamily("kimball_counter_kept", "Users that were new to its filter.", labels=labels)
        self._capacity = GaugeMetricFamily(
            "kimball_counter_capacity", "Users that its filter is made for, or has grown for.", labels=labels
        )
        self.families = [self._bytes, self._kept, self._capacity]

    def add(self, namespace: str, counter: Counter) -> None:
        labels = [namespace, counter.kind, shown_name(counter)]
        self._bytes.add_metric(labels, counter.filter_bytes)
        self._kept.add_metric(labels, counter.kept)
        self._capacity.add_metric(labels, counter.capacity)


def _predictions(namespaces: Iterable[Namespace]) -> Metric:
    labels = ["kimball_namespace", "goal", "event"]
    bayes = GaugeMetricFamily(
        "kimball_bayes_prediction", "The share of the event's users that reaches the goal.", labels=labels
    )
    for namespace in namespaces:
        for goal, by_event in for_all(namespace).items():
            for event, share in by_event.items():
                bayes.add_metric([namespace.name, goal, event], share)
    return bayes
