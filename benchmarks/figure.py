"""Figures as people read them."""

from __future__ import annotations

from benchmarks.spread import Spread


def figure(value: float) -> str:
    """Three significant digits and no exponent: 12,300, 45.6, 0.789."""
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 100 else f"{rounded:.3g}"


def with_spread(told: Spread | None, unit: str = "") -> str:
    """The median, and the least and the greatest in parentheses; a dash if there is none."""
    if told is None:
        return "-"
    return f"{figure(told.median)}{' ' if unit else ''}{unit} ({figure(told.least)} to {figure(told.greatest)})"
