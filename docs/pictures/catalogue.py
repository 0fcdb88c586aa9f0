"""Every picture, by the name of its file."""

from __future__ import annotations

from pathlib import Path

from docs.pictures import bits, reach, way

FOLDER = Path(__file__).parent


def draw_all() -> dict[str, str]:
    return {"way.svg": way.draw(), "bits.svg": bits.draw(), "reach.svg": reach.draw(FOLDER / "web_hits.csv")}
