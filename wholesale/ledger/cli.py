"""`flask ledger …`"""

from __future__ import annotations

import sys

import click
from flask.cli import AppGroup

from wholesale.ledger import jobs
from wholesale.platform.transaction import transaction

cli = AppGroup("ledger", help="The ledger and its proof.")


@cli.command("prove")
def prove() -> None:
    """Replay journals, balances and each order's split; status 1 and the first wrong things otherwise."""
    with transaction():
        proof = jobs.proved()
    for problem in proof.problems:
        click.echo(problem, err=True)
    if not proof.is_clean:
        sys.exit(1)
    click.echo(f"ledger: clean, {jobs.summary(proof)}")
