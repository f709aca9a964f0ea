"""`info`: the pretrained priors and what is known of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

from gnc_core import measuring, zoo
from gnc_core.commands import options
from gnc_core.errors import InputError

T = TypeVar("T")


@click.command()
@click.argument("name", required=False)
@options.json_option
def info(name: str | None, as_json: bool) -> None:
    """List the pretrained priors and whatever is wrong with one, or show the card and the learned schedules of one (NAME)."""
    if name:
        zoo.check(name)  # one that was asked for and cannot be used is an error
    described = {known: _describe(known) for known in ([name] if name else zoo.names())}
    if as_json:
        options.echo_json(described)
        return
    if not described:
        click.echo("There are no pretrained priors.")
    for known, content in described.items():
        click.echo(f"{known}  (weights {content['weights']})" if content["weights"] else known)
        if name and content["card"]:
            click.echo(json.dumps(content["card"], indent=2, ensure_ascii=False))
        if content["purpose"]:
            click.echo(f"  {content['purpose']}")
        for title in content["schedules"]:
            click.echo(f"  learned schedules: {title}")
        if content["convexity"]:
            click.echo(f"  {content['convexity']}")
        for problem in content["problems"]:
            click.echo(f"  problem: {problem}")


def _describe(name: str) -> dict[str, Any]:
    """What is known of a prior, None where a file is missing or damaged, and a sentence for each of these files."""
    problems: list[str] = []

    def known(read: Callable[[], T]) -> T | None:
        try:
            return read()
        except InputError as error:
            problems.append(str(error))
            return None

    def weights() -> str:
        zoo.check(name)
        return zoo.weights_hash(name)

    hashed, card, inspected = (
        known(weights),
        known(lambda: zoo.card(name)),
        known(lambda: measuring.inspections.load(name)),
    )
    families, damaged = zoo.families(name)
    return {
        "weights": hashed,
        "card": card,
        "purpose": zoo.purpose(name),
        "schedules": [family.title for family in families],
        "convexity": inspected and inspected.summary,
        "problems": list(dict.fromkeys(problems + damaged)),
    }
