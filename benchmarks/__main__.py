"""python -m benchmarks [NAME ...]: measure, print the targets, and write results.json, results.md and results.svg."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console
from rich.table import Table

from benchmarks import cores, machine, report, results, rounds
from benchmarks.benchmark import Benchmark, Missing
from benchmarks.catalogue import ALL
from benchmarks.picture import picture
from benchmarks.results import Part, Results
from benchmarks.site import Site

HERE = Path(__file__).parent
WIDTH = 200  # of what is printed into a file
NAMES = [each.name for each in ALL]


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
@click.option("--rounds", "count", type=click.IntRange(1), default=5, show_default=True, help="Rounds of each.")
@click.option("--seconds", type=click.FloatRange(0.1), default=5.0, show_default=True, help="Length of a round.")
@click.option(
    "--into", type=click.Path(exists=True, file_okay=False, path_type=Path), default=HERE, help="Folder of the results."
)
def main(names: tuple[str, ...], count: int, seconds: float, into: Path) -> None:
    """Measure the benchmarks NAME ..., or all of them."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # as Ctrl-C does: what was started is ended
    console = Console(stderr=True)
    chosen = [each for each in ALL if not names or each.name in names]
    measured = results.load(into / "results.json")
    done = []
    for benchmark in chosen:
        try:
            measured[benchmark.name] = _measure(benchmark, count, seconds, console)
        except Missing as missing:
            click.echo(f"{benchmark.name} is skipped: {missing}", err=True)
        else:
            done.append(benchmark)
            _write(into, measured)  # after each, so that what ends a later one costs no more than that one
    _print(done, measured)


def _measure(benchmark: Benchmark, count: int, seconds: float, console: Console) -> Part:
    version = _version()  # now: it may change while we measure what was loaded
    with TemporaryDirectory(prefix="coinslot-bench-") as folder, console.status(benchmark.name) as status:
        began = time.monotonic()
        site = Site(
            Path(folder), seconds, cores.find(), say=lambda line: console.print(line, markup=False, soft_wrap=True)
        )
        outcomes = rounds.run(
            benchmark, site, count, lambda subject, number: status.update(f"{benchmark.name} {number}: {subject}")
        )
        series, invalid = results.gather(outcomes, count)
        if console.is_terminal:
            console.print(f"{benchmark.name}: {time.monotonic() - began:.0f} s")
    return Part(
        date=datetime.now(UTC).date().isoformat(),
        command=f"python -m benchmarks {benchmark.name} --rounds {count} --seconds {seconds:g}",
        version=version,
        rounds=count,
        seconds=seconds,
        machine=machine.describe(HERE / "peers" / "node_modules"),
        series=series,
        invalid=invalid,
        skipped=site.skipped,
    )


def _version() -> str:
    """The commit that was measured, if this is a clone."""
    command = ["git", "-C", str(HERE), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _write(into: Path, measured: Results) -> None:
    results.save(into / "results.json", measured)
    (into / "results.md").write_text(report.markdown(ALL, measured))
    (into / "results.svg").write_text(picture(ALL, measured))


def _print(done: Sequence[Benchmark], measured: Results) -> None:
    """As wide as the terminal, or as it needs to be."""
    table = Table(*report.TARGETS_HEAD)
    for row in report.targets((each, measured[each.name]) for each in done):
        table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else WIDTH).print(table)


if __name__ == "__main__":
    main()
