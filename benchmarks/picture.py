"""The results as an SVG picture: a bar for each subject's median, a line from the least to the greatest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from benchmarks.benchmark import Benchmark, Quantity
from benchmarks.figure import figure
from benchmarks.results import Part, Results
from benchmarks.spread import Spread, spread

WIDTH, LABEL, ROW, TITLE, MARGIN = 860, 210, 22, 44, 12
BAR = WIDTH - LABEL - 110  # the longest; its figure stands behind it
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 } .title { font-weight: 600 } .note { fill: #656d76 }
rect { fill: #8c959f } .ours { fill: #0969da } line { stroke: #1f2328; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .note { fill: #9198a1 } rect { fill: #6e7681 } .ours { fill: #4493f8 } line { stroke: #e6edf3 }
}
"""


def picture(benchmarks: Sequence[Benchmark], results: Results) -> str:
    """A panel for each benchmark that was measured, of its first quantity."""
    lines: list[str] = []
    top = MARGIN
    for benchmark in benchmarks:
        if part := results.get(benchmark.name):
            panel = [*_panel(benchmark, part)]
            lines += [f'<g transform="translate({MARGIN} {top})">', *panel, "</g>"]
            top += TITLE + ROW * _bars(benchmark, part) + MARGIN
    size = f'width="{WIDTH + 2 * MARGIN}" height="{top}" viewBox="0 0 {WIDTH + 2 * MARGIN} {top}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><title>Benchmarks</title><style>{STYLE}</style>'
    return "\n".join([head, *lines, "</svg>"]) + "\n"


def _measured(benchmark: Benchmark, part: Part) -> Iterator[tuple[str, Spread]]:
    for subject in benchmark.subjects:
        if told := spread(part.values(subject, benchmark.quantities[0])):
            yield subject, told


def _bars(benchmark: Benchmark, part: Part) -> int:
    return len([*_measured(benchmark, part)])


def _panel(benchmark: Benchmark, part: Part) -> Iterator[str]:
    shown = [*_measured(benchmark, part)]
    longest = max((told.greatest for _, told in shown), default=1) or 1
    yield f'<text class="title" y="14">{escape(benchmark.title)}</text>'
    yield f'<text class="note" y="32">{escape(_axis(benchmark.quantities[0]))}</text>'
    for place, (subject, told) in enumerate(shown):
        yield from _bar(subject, told, TITLE + place * ROW, BAR / longest)


def _axis(quantity: Quantity) -> str:
    return f"{quantity.name}, {quantity.unit}: {'more' if quantity.more_is_better else 'less'} is better"


def _bar(subject: str, told: Spread, y: int, scale: float) -> Iterator[str]:
    ours = ' class="ours"' if subject.startswith("Coinslot") else ""
    middle = y + ROW // 2 - 3
    yield f'<text x="{LABEL - 8}" y="{middle + 5}" text-anchor="end">{escape(subject)}</text>'
    yield f'<rect{ours} x="{LABEL}" y="{y}" width="{told.median * scale:.1f}" height="{ROW - 6}" rx="2"/>'
    ends = f'x1="{LABEL + told.least * scale:.1f}" x2="{LABEL + told.greatest * scale:.1f}"'
    yield f'<line {ends} y1="{middle}" y2="{middle}"/>'
    yield f'<text x="{LABEL + told.greatest * scale + 8:.1f}" y="{middle + 5}">{figure(told.median)}</text>'
