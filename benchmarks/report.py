"""The results as tables in Markdown: the targets, and then every figure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from benchmarks.benchmark import Benchmark, Target
from benchmarks.figure import figure, with_spread
from benchmarks.results import Part, Results
from benchmarks.rounds import OTHERS
from benchmarks.spread import spread
from benchmarks.verdict import judge

Row = Sequence[str]
MUCH = 10  # percent of a processor, for what is not ours
TARGETS_HEAD = ("what", "subject", "median (least to greatest)", "against", "ratio", "target", "")


def markdown(benchmarks: Sequence[Benchmark], results: Results) -> str:
    measured = [(each, results[each.name]) for each in benchmarks if each.name in results]
    lines = [*table(TARGETS_HEAD, targets(measured))]
    for benchmark, part in measured:
        lines += ["", f"### {benchmark.name}: {benchmark.title}", "", *table(_head(benchmark), _rows(benchmark, part))]
        lines += ["", *_notes(part)]
    lines += ["", "### Measured on", "", *_machines(measured)]
    return "\n".join(lines) + "\n"


def targets(measured: Iterable[tuple[Benchmark, Part]]) -> Iterator[Row]:
    """A row for each target; its columns are TARGETS_HEAD."""
    for benchmark, part in measured:
        for target in benchmark.targets:
            yield _target(target, part)


def table(head: Row, rows: Iterable[Row]) -> Iterator[str]:
    """Lines of Markdown."""
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(row)} |"


def _target(target: Target, part: Part) -> Row:
    said, measured = judge(target, part)
    sign = "≥" if target.quantity.more_is_better else "≤"
    unit = "x" if target.peer else target.quantity.unit
    own = spread(part.values(target.subject, target.quantity))
    peer = spread(part.values(target.peer, target.quantity)) if target.peer else None
    return (
        target.what,
        target.subject,
        with_spread(own, target.quantity.unit),
        f"{target.peer}: {with_spread(peer, target.quantity.unit)}" if target.peer else "",
        with_spread(measured, "x") if target.peer else "",
        f"{sign} {figure(target.bound)} {unit}",
        said,
    )


def _head(benchmark: Benchmark) -> Row:
    return ["", *(f"{each.name}, {each.unit}" for each in benchmark.quantities), "valid rounds"]


def _rows(benchmark: Benchmark, part: Part) -> Iterator[Row]:
    for subject in benchmark.subjects:
        spreads = [spread(part.values(subject, quantity)) for quantity in benchmark.quantities]
        valid = max((each.rounds for each in spreads if each), default=0)
        yield [subject, *(with_spread(each) for each in spreads), f"{valid} of {part.rounds}"]


def _notes(part: Part) -> Iterator[str]:
    yield f"{part.date}, Coinslot {part.version}, `{part.command}`. {_disturbance(part)}"
    yield from (f"Invalid: {line}." for line in part.invalid)
    yield from (f"Skipped: {subject} ({why})." for subject, why in part.skipped.items())


def _disturbance(part: Part) -> str:
    shares = [value or 0 for each in part.series if each.quantity == OTHERS.name for value in each.values]
    disturbed = [share for share in shares if share > MUCH]
    much = f"In {len(disturbed)} of {len(shares)} measurements other processes took more than {MUCH}{OTHERS.unit}"
    return f"{much}, at most {figure(max(disturbed))}." if disturbed else f"{much}."


def _machines(measured: Sequence[tuple[Benchmark, Part]]) -> Iterator[str]:
    """Each once: parts may have been measured on different ones, or after an upgrade."""
    told: list[dict[str, str]] = []
    for _, part in measured:
        if part.machine not in told:
            told.append(part.machine)
            names = [benchmark.name for benchmark, other in measured if other.machine == part.machine]
            yield f"- {', '.join(names)}: " + "; ".join(f"{name} {value}" for name, value in part.machine.items())
