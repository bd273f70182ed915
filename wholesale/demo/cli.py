"""`flask --app wsgi demo …`"""

from __future__ import annotations

import gc

import click
from flask.cli import AppGroup

from wholesale.demo import load, shipped
from wholesale.kernel.errors import HouseError
from wholesale.platform.supervisor import APP_NOTE, DEMO_PASSWORD, LOGINS

cli = AppGroup("demo", help="The demonstration's data.")


@cli.command("load")
@click.option(
    "--products",
    type=click.IntRange(min=1),
    help="How many products beside the two worked examples; above what is shipped by numbered copies.",
)
def load_demo(products: int | None) -> None:
    """Load the demonstration once: goods, businesses, logins, and orders up to yesterday."""
    gc.disable()  # a minute of making rows that all live to the end: collecting costs a seventh and finds nothing
    try:
        fresh = load.load(shipped.read(products), say=click.echo)
    except HouseError as error:
        raise click.ClickException(str(error)) from error
    if not fresh:
        click.echo("The demo is loaded already. Nothing was changed.")
    width = max(map(len, LOGINS))
    click.echo(f"Logins, all with the password: {DEMO_PASSWORD}")
    for login, who in LOGINS.items():
        click.echo(f"  {login:<{width}}  {who}")
    click.echo(APP_NOTE)
