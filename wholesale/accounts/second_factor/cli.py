"""`flask --app wsgi users reset-second-factor` and `users code`."""

from __future__ import annotations

from typing import cast

import click
from flask import current_app

from wholesale.accounts.cli import cli
from wholesale.accounts.second_factor import queries
from wholesale.accounts.second_factor.actions import codes, common
from wholesale.config import Settings
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.errors import HouseError
from wholesale.platform.transaction import transaction

_email = click.option("--email", required=True, help="The address the person logs in with.")


@cli.command("reset-second-factor")
@_email
def reset_second_factor(email: str) -> None:
    """Take away app, passkeys and recovery codes of a person who has lost them; they are told by e-mail.

    Make sure by another way that it is really they who ask.
    """
    try:
        with transaction():
            common.reset(actor=SYSTEM, user_id=_person(email))
    except HouseError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{email} has no second step any more. Whoever is staff sets one up at the next login.")


@cli.command("code")
@_email
def code(email: str) -> None:
    """Show the code that a person's authenticator app shows now: for trying things out, never in production."""
    if cast("Settings", current_app.extensions["settings"]).is_production:
        raise click.ClickException("In production nobody but the person's own app knows the code.")
    try:
        with transaction():
            now = codes.current_code(user_id=_person(email))
    except HouseError as error:
        raise click.ClickException(str(error)) from error
    if now is None:
        raise click.ClickException(f"{email} has no authenticator app.")
    click.echo(now)


def _person(email: str) -> int:
    found = queries.person(email)
    if found is None:
        raise click.ClickException(f"There is no account with the address {email}.")
    return found
