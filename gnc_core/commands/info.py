"""`info`: the pretrained priors and what is known of them."""

from __future__ import annotations

import json
from typing import Any

import click

from gnc_core import zoo
from gnc_core.commands import options
from gnc_core.measuring import inspection

from .inspect import summary


@click.command()
@click.argument("name", required=False)
@options.json_option
def info(name: str | None, as_json: bool) -> None:
    """List the pretrained priors, or show the card and the learned schedules of one (NAME)."""
    described = {known: _describe(known) for known in ([name] if name else zoo.names())}
    if as_json:
        options.echo_json(described)
        return
    if not described:
        click.echo("There are no pretrained priors.")
    for known, content in described.items():
        click.echo(f"{known}  (weights {content['weights']})")
        if name:
            click.echo(json.dumps(content["card"], indent=2, ensure_ascii=False))
        for title in content["schedules"]:
            click.echo(f"  learned schedule: {title}")
        if content["convexity"]:
            click.echo(f"  {content['convexity']}")


def _describe(name: str) -> dict[str, Any]:
    zoo.load(name)  # a damaged prior is to be reported, not listed
    inspected = inspection.load(name)
    return {
        "weights": zoo.weights_hash(name),
        "card": zoo.card(name),
        "schedules": [schedule.title for schedule in zoo.schedules(name)],
        "convexity": inspected and summary(inspected),
    }
