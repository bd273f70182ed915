"""`flask reports …`"""

from __future__ import annotations

import sys

import click
from flask.cli import AppGroup

from wholesale.platform.transaction import transaction
from wholesale.reports import actions, queries

cli = AppGroup("reports", help="The figures of reports: kept by a job, made of the ledger's journals.")


@cli.command("rebuild")
def rebuild() -> None:
    """Count every day anew, from the first journal of an order; also puts products into the categories of today."""
    with transaction():
        days = actions.rebuild()
    click.echo(f"{days} days counted")


@cli.command("prove")
def prove() -> None:
    """Compare the figures of every day with the ledger; status 1 and the first wrong days otherwise."""
    with transaction():
        problems, waiting = queries.proof(), len(queries.stale_days(None))
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        sys.exit(1)
    click.echo(f"reports: clean, {waiting} days wait to be counted")
