"""Alembic's entry: migrations run as the role that owns the tables, and never keep people waiting for long."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context
from flask import current_app

from wholesale.platform import migrating

target = current_app.extensions["migrate"].db
settings = current_app.extensions["settings"]


def run(connection: sa.Connection) -> None:
    # Each migration commits by itself: what one has locked is not held while the next one waits.
    context.configure(
        connection=connection, target_metadata=target.metadata, compare_type=True, transaction_per_migration=True
    )
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    raise SystemExit("Migrations need the database: run `flask --app wsgi db upgrade`.")
migrating.run(settings.database_owner_url, run)
