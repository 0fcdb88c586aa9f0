"""The routes of api/analytics/metrics.py."""

from __future__ import annotations

from api.analytics.metrics import PATH
from api.openapi import Json
from api.openapi.answers import answer
from api.openapi.counts import read
from api.openapi.shapes import TEXT as STRING
from coinslot.media import TEXT

TAG = "metrics"


def paths() -> Json:
    text = answer("Prometheus text, with help for each metric.", {TEXT: {"schema": STRING}})
    return {
        PATH: {"get": read("metrics", TAG, "Metrics of this Coinslot", text)},
        f"{PATH}/counters": {"get": read("metricsOfCounters", TAG, "Every counter of every namespace", text)},
        f"{PATH}/predictions": {"get": read("metricsOfPredictions", TAG, "The predictions of every namespace", text)},
    }
