"""The timetable: every periodic job of the product, on one page. Times of day are in the platform's zone."""

from __future__ import annotations

from datetime import time, timedelta

from wholesale.accounts import jobs as accounts
from wholesale.audit import jobs as audit
from wholesale.catalog import jobs as catalog
from wholesale.inventory import jobs as inventory
from wholesale.invoicing import jobs as invoicing
from wholesale.ledger import jobs as ledger
from wholesale.merchandising.imports import jobs as imports
from wholesale.orders import jobs as orders
from wholesale.orders.answers import jobs as answers
from wholesale.orders.approval import jobs as approval
from wholesale.orders.history import jobs as order_history
from wholesale.papers import jobs as papers
from wholesale.platform import files, housekeeping, mail
from wholesale.platform.rhythm import Periodic
from wholesale.pricing import jobs as pricing
from wholesale.privacy import jobs as privacy
from wholesale.reports import jobs as reports
from wholesale.search import jobs as search
from wholesale.verification import jobs as verification

TIMETABLE = [
    # The outbox itself is rung for every second by the scheduler (platform.jobs.tick).
    Periodic("stuck-invoices", invoicing.sweep, every=timedelta(minutes=10)),
    Periodic("stuck-pictures", catalog.sweep_pictures, every=timedelta(minutes=10)),
    Periodic("stuck-messages", mail.sweep, every=timedelta(minutes=5)),
    Periodic("housekeeping", housekeeping.sweep, daily_at=time(3, 30)),
    Periodic("old-logins", accounts.sweep, daily_at=time(3, 35)),
    Periodic("orphaned-files", files.sweep, daily_at=time(3, 45)),
    Periodic("stuck-imports", imports.sweep, every=timedelta(minutes=5)),
    Periodic("old-imports", imports.expire, daily_at=time(3, 40)),
    Periodic("old-order-tables", order_history.expire, daily_at=time(3, 50)),
    Periodic("old-papers", papers.expire, daily_at=time(3, 50)),
    Periodic("erasures", privacy.erase, daily_at=time(1, 0)),
    Periodic("expired-downloads", privacy.expire, daily_at=time(1, 15)),
    Periodic("report-healing", reports.heal, daily_at=time(1, 30)),
    Periodic("ledger-proof", ledger.prove, daily_at=time(2, 0)),
    Periodic("inventory-proof", inventory.prove, daily_at=time(2, 15)),
    Periodic("audit-seal", audit.seal, every=timedelta(minutes=1)),
    Periodic("audit-proof", audit.prove, daily_at=time(2, 30)),
    Periodic("dated-prices", pricing.follow_dates, every=timedelta(minutes=1)),
    Periodic("licence-expiry", verification.watch_expiry, daily_at=time(0, 10)),
    Periodic("orders-completion", orders.complete, every=timedelta(hours=1)),
    Periodic("answer-expiry", answers.expire, every=timedelta(minutes=5)),
    Periodic("approval-expiry", approval.expire, every=timedelta(minutes=10)),
    Periodic("search-words", search.count_words, every=timedelta(hours=1)),
    Periodic("search-counts", search.write_counts, every=timedelta(minutes=1)),
    Periodic("old-searches", search.sweep, daily_at=time(3, 40)),
    Periodic("listed-stock", inventory.relist, every=timedelta(minutes=10)),
    Periodic("report-rollups", reports.count, every=timedelta(minutes=1)),
    Periodic("weekly-reports", reports.weekly, daily_at=time(8, 0), weekday=0),
    Periodic("idle-reviews", verification.release_idle, every=timedelta(minutes=5)),
]
