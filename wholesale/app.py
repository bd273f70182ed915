"""The composition root: the only file that knows all rooms."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, Flask, session
from flask.cli import AppGroup
from flask_compress import Compress
from flask_migrate import Migrate
from werkzeug.middleware.proxy_fix import ProxyFix

import wholesale.accounts.handlers
import wholesale.accounts.models
import wholesale.accounts.second_factor.cli
import wholesale.audit.models
import wholesale.cart.handlers
import wholesale.cart.models
import wholesale.catalog.handlers
import wholesale.catalog.models
import wholesale.forecasts.models
import wholesale.inventory.batches.models
import wholesale.inventory.counts.handlers
import wholesale.inventory.counts.models
import wholesale.inventory.models
import wholesale.inventory.transfers.models
import wholesale.invoicing.handlers
import wholesale.invoicing.models
import wholesale.ledger.models
import wholesale.merchandising.imports.handlers
import wholesale.merchandising.imports.models
import wholesale.order_lists.handlers
import wholesale.order_lists.models
import wholesale.orders.answers.handlers
import wholesale.orders.answers.models
import wholesale.orders.approval.models
import wholesale.orders.history.handlers
import wholesale.orders.history.models
import wholesale.orders.models
import wholesale.orders.returns.handlers
import wholesale.orders.returns.models
import wholesale.organizations.models
import wholesale.papers.handlers
import wholesale.papers.models
import wholesale.payments.handlers
import wholesale.payments.models
import wholesale.pricing.handlers
import wholesale.pricing.models
import wholesale.privacy.handlers
import wholesale.privacy.models
import wholesale.purchasing.handlers
import wholesale.purchasing.models
import wholesale.replenishment.handlers
import wholesale.replenishment.models
import wholesale.reports.handlers
import wholesale.reports.models
import wholesale.search.models
import wholesale.taxes.models
import wholesale.verification.handlers
import wholesale.verification.models  # noqa: F401 - metadata
from wholesale.accounts import upkeep
from wholesale.accounts.cli import cli as user_commands
from wholesale.accounts.models import Totp
from wholesale.accounts.second_factor.views import bp as second_factor_routes
from wholesale.accounts.views import bp as accounts_routes
from wholesale.audit.cli import cli as audit_commands
from wholesale.cart.quick.views import bp as quick_order_routes
from wholesale.cart.views import bp as cart_routes
from wholesale.catalog.views import bp as catalog_routes
from wholesale.config import ROOT, Settings
from wholesale.demo.cli import cli as demo_commands
from wholesale.forecasts.cli import cli as forecast_commands
from wholesale.forecasts.views import bp as forecasts_routes
from wholesale.inventory.batches.views import bp as batches_routes
from wholesale.inventory.cli import cli as inventory_commands
from wholesale.inventory.counts.views import bp as counts_routes
from wholesale.inventory.locations.views import bp as locations_routes
from wholesale.inventory.transfers.views import bp as transfers_routes
from wholesale.inventory.views import bp as inventory_routes
from wholesale.invoicing import queries as invoicing
from wholesale.invoicing.views import bp as invoicing_routes
from wholesale.kernel.actor import Actor
from wholesale.ledger import jobs as ledger_jobs
from wholesale.ledger.cli import cli as ledger_commands
from wholesale.ledger.views import bp as ledger_routes
from wholesale.merchandising.imports.views import bp as imports_routes
from wholesale.merchandising.views import BLUEPRINTS as MERCHANDISING_ROUTES
from wholesale.order_lists.views import bp as order_lists_routes
from wholesale.orders import jobs as orders_jobs
from wholesale.orders.answers.views import bp as answers_routes
from wholesale.orders.history.views import bp as order_history_routes
from wholesale.orders.returns.views import bp as returns_routes
from wholesale.orders.tax_report import queries as tax_report
from wholesale.orders.tax_report.views import bp as tax_report_routes
from wholesale.orders.views import BLUEPRINTS as ORDERS_ROUTES
from wholesale.organizations import queries as organizations
from wholesale.organizations.views import bp as organizations_routes
from wholesale.pages.figures import FIGURES
from wholesale.pages.views import BLUEPRINTS as PAGES_ROUTES
from wholesale.papers.views import bp as papers_routes
from wholesale.payments import queries as payments
from wholesale.payments.views import bp as payments_routes
from wholesale.platform import (
    access,
    addresses,
    assets,
    cache,
    connections,
    crash_reports,
    errors,
    files,
    headers,
    health,
    htmx,
    i18n,
    jobs,
    mail,
    patience,
    rendered,
    replica,
    scrape,
    telemetry,
    tracing,
    transaction,
    vault,
    where,
)
from wholesale.platform.backup.cli import cli as backup_commands
from wholesale.platform.db import db
from wholesale.pricing.views import bp as pricing_routes
from wholesale.privacy.views import bp as privacy_routes
from wholesale.purchasing.views import bp as purchasing_routes
from wholesale.replenishment.views import bp as replenishment_routes
from wholesale.reports import queries as reports
from wholesale.reports.cli import cli as report_commands
from wholesale.reports.views import bp as reports_routes
from wholesale.schedule import TIMETABLE
from wholesale.search.views import bp as search_routes
from wholesale.taxes.views import bp as taxes_routes
from wholesale.verification.views import bp as verification_routes

BLUEPRINTS: tuple[Blueprint, ...] = (
    accounts_routes,
    cart_routes,
    catalog_routes,
    forecasts_routes,
    imports_routes,
    inventory_routes,
    locations_routes,
    batches_routes,
    counts_routes,
    transfers_routes,
    invoicing_routes,
    ledger_routes,
    *MERCHANDISING_ROUTES,
    order_lists_routes,
    *ORDERS_ROUTES,
    answers_routes,
    returns_routes,
    organizations_routes,
    *PAGES_ROUTES,
    papers_routes,
    payments_routes,
    pricing_routes,
    privacy_routes,
    purchasing_routes,
    replenishment_routes,
    reports_routes,
    search_routes,
    quick_order_routes,
    second_factor_routes,
    order_history_routes,
    tax_report_routes,
    taxes_routes,
    verification_routes,
)
COMMANDS: tuple[AppGroup, ...] = (
    audit_commands,
    backup_commands,
    demo_commands,
    forecast_commands,
    inventory_commands,
    ledger_commands,
    report_commands,
    user_commands,
)


def create_app(settings: Settings) -> Flask:
    """The application, ready to serve: adapters first, then the rooms' routes and commands."""
    app = transaction.House("wholesale", template_folder=str(ROOT / "templates"), static_folder=str(ROOT / "static"))
    _configure(app, settings)
    if settings.env != "test":
        telemetry.configure_logging()
    crash_reports.init_app(settings)
    addresses.init_app(app)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    db.init_app(app)
    Migrate(app, db, directory=str(ROOT / "migrations"))
    Compress(app)
    htmx.init_app(app)
    tracing.init_app(app, settings)
    telemetry.init_app(app)
    headers.init_app(app, settings)
    i18n.init_app(app, settings)
    rendered.init_app(app)
    files.init_app(app, settings)
    assets.init_app(app, settings)
    upkeep.init_app(app)  # before the next: it works after the request's transaction is closed
    transaction.init_app(app)
    access.init_app(app, lambda: _load_actor(settings))
    errors.init_app(app)
    jobs.init_app(app, settings, TIMETABLE, told=lambda: reports.weekly_readers(None))
    cache.init_app(app, settings)
    connections.init_app(app)
    replica.init_app(app, settings, jobs.quick_redis(settings.redis_url))  # whoever listens first makes a connection
    patience.init_app(app)
    mail.init_app(app, settings)
    health.init_app(app)
    scrape.init_app(app, settings, FIGURES)
    where.init_app(app)
    vault.init_app(app)
    vault.keep(app, Totp.secret)
    ledger_jobs.add_proof(orders_jobs.proof)
    ledger_jobs.add_proof(payments.proof)
    ledger_jobs.add_proof(invoicing.proof)
    ledger_jobs.add_proof(tax_report.proof)
    ledger_jobs.add_proof(reports.proof)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    for group in COMMANDS:
        app.cli.add_command(group)
    return app


def _load_actor(settings: Settings) -> Actor:
    return organizations.load_actor(session.get("login"), settings.time_zone, enter=True, saw=upkeep.saw)


def _configure(app: Flask, settings: Settings) -> None:
    app.extensions["settings"] = settings
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=connections.engine_options(settings, settings.database_url),
        SQLALCHEMY_BINDS=replica.binds(settings),
        # Far over the largest file: what is over its limit is read and dropped (see platform.files.CappedUpload),
        # so that the answer is a sentence beside the field and what was typed is still there.
        MAX_CONTENT_LENGTH=(settings.max_upload_mb * 12 + 2) * 1024 * 1024,
        MAX_FORM_MEMORY_SIZE=500_000,
        SESSION_COOKIE_NAME="__Host-session" if settings.secure_cookies else "session",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        # The longest that a remembered login lasts; the database knows each one's own limits. Not sent again with every
        # answer: of two at the same moment, the later one would bring back a secret that was just replaced.
        PERMANENT_SESSION_LIFETIME=timedelta(days=90),
        SESSION_REFRESH_EACH_REQUEST=False,
        COMPRESS_MIMETYPES=["text/html", "application/json", "application/problem+json"],
        COMPRESS_MIN_SIZE=400,
        TESTING=settings.env == "test",
        # Tests see our error pages too, not raised exceptions.
        PROPAGATE_EXCEPTIONS=False,
    )
