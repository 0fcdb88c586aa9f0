"""What the pictures have in common: a frame, and a few shapes in colours that suit light and dark."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal
from xml.sax.saxutils import escape

Anchor = Literal["start", "middle", "end"]

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 } .title { font-weight: 600 }
.note { font-size: 12px; fill: #656d76 } .box { fill: none; stroke: #8c959f; stroke-width: 1.5 }
.plain { fill: #d0d7de } .ours { fill: #0969da } .warm { fill: #bc4c00 }
.id { fill: #bc4c00; fill-opacity: 0.1 } .safe { fill: #0969da; fill-opacity: 0.1 }
path { fill: none; stroke: #656d76; stroke-width: 1.5 } .head { fill: #656d76 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .note { fill: #9198a1 } .box { stroke: #6e7681 }
  .plain { fill: #3d444d } .ours { fill: #1f6feb } .warm { fill: #db6d28 }
  .id { fill: #db6d28; fill-opacity: 0.2 } .safe { fill: #4493f8; fill-opacity: 0.2 }
  path { stroke: #9198a1 } .head { fill: #9198a1 }
}
"""


def frame(width: int, height: int, title: str, shapes: Iterable[str]) -> str:
    """The whole file."""
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><title>{escape(title)}</title>'
    return "\n".join([f"{head}<style>{STYLE}</style>", *shapes, "</svg>"]) + "\n"


def text(x: float, y: float, words: str, kind: str = "", anchor: Anchor = "start") -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def rect(x: float, y: float, width: float, height: float, kind: str) -> str:
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="3" class="{kind}"/>'


def arrow(*points: tuple[float, float]) -> str:
    """Along straight lines; it ends to the right, or downwards."""
    (before_x, before_y), (x, y) = points[-2:]
    line = " L".join(f"{across:g} {down:g}" for across, down in points)
    tip = f"{x - 8:g},{y - 4:g} {x:g},{y:g} {x - 8:g},{y + 4:g}"
    if before_x == x and before_y < y:
        tip = f"{x - 4:g},{y - 8:g} {x:g},{y:g} {x + 4:g},{y - 8:g}"
    return f'<path d="M{line}"/><polygon class="head" points="{tip}"/>'
