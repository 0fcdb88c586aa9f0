"""All routes that answer of analytics."""

from __future__ import annotations

from flask import Blueprint

from api.analytics import counts, goals, metrics, nudges, predictions
from api.memory import used_bytes
from coinslot.analytics.counters import Counters
from coinslot.analytics.settings import AnalyticsSettings


def blueprints(
    counters: Counters, settings: AnalyticsSettings, ask: predictions.Ask, read_forwarded: metrics.ReadForwarded
) -> list[Blueprint]:
    """ask: asks the prediction targets; read_forwarded: see api.analytics.metrics."""
    return [
        counts.blueprint(counters),
        goals.blueprint(counters),
        predictions.blueprint(counters, ask),
        nudges.blueprint(counters),
        metrics.blueprint(counters, settings, read_forwarded, used_bytes),
    ]
