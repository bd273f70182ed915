"""`flask ledger …`"""

from __future__ import annotations

import sys

import click
from flask.cli import AppGroup

from wholesale.ledger import jobs

cli = AppGroup("ledger", help="The ledger and its proof.")


@cli.command("prove")
def prove() -> None:
    """Replay journals, balances and each order's split; status 1 and the first wrong things otherwise."""
    problems = jobs.problems()
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        sys.exit(1)
    click.echo(f"ledger: clean, {jobs.summary()}")
