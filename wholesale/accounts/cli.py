"""`flask --app wsgi users …`"""

from __future__ import annotations

import click
from email_validator import EmailNotValidError, validate_email
from flask.cli import AppGroup

from wholesale.accounts import actions
from wholesale.kernel.errors import DomainError
from wholesale.platform.transaction import transaction

cli = AppGroup("users", help="People who may log in.")


@cli.command("create-admin")
@click.option("--email", required=True, help="The address to log in with.")
@click.option("--name", required=True, help="The person's name, as colleagues see it.")
@click.option("--phone", default="", help="A phone number, if it should be known.")
@click.option(
    "--password",
    envvar="WHOLESALE_ADMIN_PASSWORD",
    prompt=True,
    hide_input=True,
    confirmation_prompt=True,
    help="At least 12 characters; asked for when neither given nor in WHOLESALE_ADMIN_PASSWORD.",
)
def create_admin(email: str, name: str, phone: str, password: str) -> None:
    """Make a platform admin: verifies businesses, sees everything."""
    try:
        validate_email(email, check_deliverability=False, test_environment=True)
        with transaction():
            made = actions.create_user(
                email=email, name=name, phone=phone, password=password, staff_role="admin", email_confirmed=True
            )
            address = made.email
    except (DomainError, EmailNotValidError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{address} can log in as platform admin, and is asked to set up a second step at the first login.")
