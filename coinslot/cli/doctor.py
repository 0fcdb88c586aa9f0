"""`coinslot doctor`: is everything there, does it keep what it is given, and will it go on."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import asdict

import click
from click.core import ParameterSource

from coinslot.cli import options
from coinslot.cli.letters import printable
from coinslot.doctor import subject
from coinslot.doctor.checkup import probes
from coinslot.doctor.examination import examine
from coinslot.doctor.finding import Finding, State
from coinslot.start import starting

COLORS: dict[State, str] = {"ok": "green", "warning": "yellow", "wrong": "red"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="JSON instead, one line each.")
@options.url
@options.token
@click.pass_context
def doctor(ctx: click.Context, as_json: bool, url: str, token: str | None) -> None:
    """Look at Redis, MongoDB, the front and this machine, and say what is not well and what to do about it.

    Settings are read from the environment, as every process reads them. Of a running `coinslot up`, what it brought
    along is found through DATA_DIR. Nothing is changed. The exit status is 1 if something is wrong.
    """
    url_is_given = ctx.get_parameter_source("url") is not ParameterSource.DEFAULT
    with starting():
        found = subject.find(url if url_is_given else None)
    findings = [*found.findings, *examine(probes(found.settings, found.url, token))]
    for finding in findings:
        click.echo(json.dumps(asdict(finding)) if as_json else _line(finding))
    states = Counter(finding.state for finding in findings)
    click.echo(f"coinslot: {', '.join(f'{states[state]} {state}' for state in COLORS)}", err=True)
    if states["wrong"]:
        sys.exit(1)


def _line(finding: Finding) -> str:
    """Whatever a server said is in it: it stays one line."""
    state = click.style(f"{finding.state:8}", fg=COLORS[finding.state])
    told = " ".join(printable(finding.seen).split())
    return f"{state} {finding.name}: {told}" + (f" -> {finding.remedy}" if finding.remedy else "")
