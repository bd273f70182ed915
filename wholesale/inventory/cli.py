"""`flask inventory …`"""

from __future__ import annotations

import sys

import click
from flask.cli import AppGroup

from wholesale.inventory import queries

cli = AppGroup("inventory", help="Stock and its proof.")


@cli.command("prove")
def prove() -> None:
    """Replay the inventory log against today's stock; status 1 and the differences when they disagree."""
    problems = queries.proof()
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        sys.exit(1)
    click.echo(f"inventory: clean, the log gives {queries.counted()} stock rows exactly")
