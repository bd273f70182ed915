"""Alembic's entry: migrations run as the role that owns the tables, with a time limit on locks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context
from flask import current_app

target = current_app.extensions["migrate"].db
settings = current_app.extensions["settings"]


def run() -> None:
    engine = sa.create_engine(settings.database_owner_url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        # A migration that cannot get its lock gives up instead of queueing everybody behind it.
        connection.execute(sa.text("SET lock_timeout = '5s'"))
        connection.execute(sa.text("SET app.scope = 'platform'"))  # row-level security holds the owner too
        connection.commit()
        context.configure(connection=connection, target_metadata=target.metadata, compare_type=True)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    raise SystemExit("Migrations need the database: run `flask --app wsgi db upgrade`.")
run()
