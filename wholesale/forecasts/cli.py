"""`flask forecasts …`"""

from __future__ import annotations

import click
from flask.cli import AppGroup

from wholesale.forecasts import jobs

cli = AppGroup("forecasts", help="What will be asked for in the weeks to come.")


@cli.command("make")
def make() -> None:
    """Make every forecast that was not made this week, as the job on the 1st of the month does."""
    with click.progressbar(length=1000, label="Forecasts") as bar:
        click.echo(jobs.make(lambda done, total: bar.update(1000 * done // max(1, total) - bar.pos)))
