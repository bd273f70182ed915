"""`flask --app wsgi audit …`"""

from __future__ import annotations

import sys

import click
from flask.cli import AppGroup

from wholesale.audit import jobs, seals
from wholesale.platform.transaction import transaction

cli = AppGroup("audit", help="The audit log, its proof and its seals.")


@cli.command("verify")
@click.option("--since", type=click.IntRange(min=1), metavar="SEAL", help="Recompute only what came after this seal.")
def verify(since: int | None) -> None:
    """Recompute every chain and compare it with the seals; status 1 and the first bad entry of each chain otherwise."""
    with transaction():
        found = jobs.proof(since)
    for problem in found.problems:
        click.echo(problem, err=True)
    if found.problems:
        sys.exit(1)
    click.echo(f"audit: ok, {found.summary}")


@cli.command("seal")
@click.option("--anew", is_flag=True, help="Begin a new file: after SECRET_KEY was changed or a copy was restored.")
def seal(*, anew: bool) -> None:
    """Sign the newest entries of all chains into the file of seals now."""
    try:
        with transaction():
            made = seals.begin_anew() if anew else seals.append()
    except seals.SealError as error:
        raise click.ClickException(f"{error}. `audit verify` tells more.") from error
    click.echo("Nothing is new." if made is None else f"Seal {made.number} is written.")
