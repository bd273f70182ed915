"""The timetable: every periodic job of the product, on one page. Times of day are in the platform's zone."""

from __future__ import annotations

from datetime import time, timedelta

from wholesale.accounts import jobs as accounts
from wholesale.audit import jobs as audit
from wholesale.catalog import jobs as catalog
from wholesale.forecasts import jobs as forecasts
from wholesale.inventory import jobs as inventory
from wholesale.inventory.batches import jobs as batches
from wholesale.invoicing import jobs as invoicing
from wholesale.kernel.words import N_
from wholesale.ledger import jobs as ledger
from wholesale.merchandising.imports import jobs as imports
from wholesale.orders import jobs as orders
from wholesale.orders.answers import jobs as answers
from wholesale.orders.approval import jobs as approval
from wholesale.orders.history import jobs as order_history
from wholesale.papers import jobs as papers
from wholesale.platform import backup, files, housekeeping, mail
from wholesale.platform.rhythm import Periodic
from wholesale.pricing import jobs as pricing
from wholesale.privacy import jobs as privacy
from wholesale.replenishment import jobs as replenishment
from wholesale.reports import jobs as reports
from wholesale.search import jobs as search
from wholesale.verification import jobs as verification

STOCK = N_("Stock")
MONEY = N_("Orders and money")
GOODS = N_("Catalogue and prices")
REPORTS = N_("Reports")
PEOPLE = N_("People and papers")
UPKEEP = N_("Upkeep")

# Each says for people, in one sentence, what it does. A new job goes under its heading.
TIMETABLE = [
    # The outbox itself is rung for every second by the scheduler (platform.jobs.tick).
    Periodic(
        "stock-check",
        replenishment.check,
        daily_at=time(9, 0),
        group=STOCK,
        about=N_("Looks at the stock of everything, and writes to sellers what is running out and what to order."),
    ),
    Periodic(
        "stock-watch",
        replenishment.watch,
        every=timedelta(minutes=1),
        group=STOCK,
        about=N_("Follows the inventory log, so that alerts appear, change and go within a minute."),
    ),
    Periodic(
        "reorder-points",
        replenishment.renew_points,
        daily_at=time(8, 30),
        group=STOCK,
        about=N_("Works out when goods are to be ordered again, where nobody has said so."),
    ),
    Periodic(
        "stock-forecast",
        forecasts.make,
        daily_at=time(4, 30),
        monthly_on=1,
        group=STOCK,
        about=N_("Works out what will be asked for in the next twelve weeks, of everything that is on sale."),
    ),
    Periodic(
        "expired-goods",
        batches.expire,
        every=timedelta(hours=1),  # not only by night: what a cancelled order lets go by day must not be sold again
        group=STOCK,
        about=N_("Writes off pieces whose batch has expired, unless an order has been promised them."),
    ),
    Periodic(
        "listed-stock",
        inventory.relist,
        every=timedelta(minutes=10),
        group=STOCK,
        about=N_("Looks again at what lists say of goods whose stock has changed lately."),
    ),
    Periodic(
        "inventory-proof",
        inventory.prove,
        daily_at=time(2, 15),
        group=STOCK,
        about=N_("Replays the inventory log and compares it with today's stock, to the piece."),
    ),
    Periodic(
        "ledger-proof",
        ledger.prove,
        daily_at=time(2, 0),
        group=MONEY,
        about=N_("Replays every journal of the ledger and compares it with orders, payments, invoices and reports."),
    ),
    Periodic(
        "stuck-invoices",
        invoicing.sweep,
        every=timedelta(minutes=10),
        group=MONEY,
        about=N_("Issues invoices that are late, and has their documents made again."),
    ),
    Periodic(
        "orders-completion",
        orders.complete,
        every=timedelta(hours=1),
        group=MONEY,
        about=N_("Completes orders that were delivered a while ago and that nobody has complained about."),
    ),
    Periodic(
        "answer-expiry",
        answers.expire,
        every=timedelta(minutes=5),
        group=MONEY,
        about=N_("Ends questions of sellers about an order that the buyer has not answered in time."),
    ),
    Periodic(
        "approval-expiry",
        approval.expire,
        every=timedelta(minutes=10),
        group=MONEY,
        about=N_("Ends wishes for approval that nobody has decided in time, and puts the goods back into the cart."),
    ),
    Periodic(
        "dated-prices",
        pricing.follow_dates,
        every=timedelta(minutes=1),
        group=GOODS,
        about=N_("Lets prices begin and end on their dates."),
    ),
    Periodic(
        "search-words",
        search.count_words,
        every=timedelta(hours=1),
        group=GOODS,
        about=N_("Counts the catalogue's words, for spelling and suggestions."),
    ),
    Periodic(
        "search-counts",
        search.write_counts,
        every=timedelta(minutes=1),
        group=GOODS,
        about=N_("Writes down what was searched."),
    ),
    Periodic(
        "stuck-pictures",
        catalog.sweep_pictures,
        every=timedelta(minutes=10),
        group=GOODS,
        about=N_("Has photographs made smaller that are late."),
    ),
    Periodic(
        "stuck-imports",
        imports.sweep,
        every=timedelta(minutes=5),
        group=GOODS,
        about=N_("Lets imports of products go on whose worker was stopped."),
    ),
    Periodic(
        "weekly-reports",
        reports.weekly,
        daily_at=time(8, 0),
        weekday=0,
        group=REPORTS,
        about=N_("Writes last week's profit report to sellers and admins."),
    ),
    Periodic(
        "report-rollups",
        reports.count,
        every=timedelta(minutes=1),
        group=REPORTS,
        about=N_("Counts into the reports what has changed within the last minute."),
    ),
    Periodic(
        "report-healing",
        reports.heal,
        daily_at=time(1, 30),
        group=REPORTS,
        about=N_("Counts those days anew of which the ledger knows something else than the reports."),
    ),
    Periodic(
        "licence-expiry",
        verification.watch_expiry,
        daily_at=time(0, 10),
        group=PEOPLE,
        about=N_("Reminds businesses of trade licences that end soon, and ends verifications whose licence has ended."),
    ),
    Periodic(
        "idle-reviews",
        verification.release_idle,
        every=timedelta(minutes=5),
        group=PEOPLE,
        about=N_("Gives papers back to the queue whose reviewer went away."),
    ),
    Periodic(
        "erasures",
        privacy.erase,
        daily_at=time(1, 0),
        group=PEOPLE,
        about=N_("Erases the people who asked for it and whose time to think it over has passed."),
    ),
    Periodic(
        "expired-downloads",
        privacy.expire,
        daily_at=time(1, 15),
        group=PEOPLE,
        about=N_("Removes downloads of people's own data after their week."),
    ),
    Periodic(
        "stuck-messages",
        mail.sweep,
        every=timedelta(minutes=5),
        group=UPKEEP,
        about=N_("Sends letters and text messages again that were left behind, and forgets old ones."),
    ),
    Periodic(
        "audit-seal",
        audit.seal,
        every=timedelta(minutes=1),
        group=UPKEEP,
        about=N_("Seals what was written into the audit log."),
    ),
    Periodic(
        "audit-proof",
        audit.prove,
        daily_at=time(2, 30),
        group=UPKEEP,
        about=N_("Recomputes the chains of the audit log and compares them with every seal."),
    ),
    Periodic(
        "backup-base",
        backup.nightly,
        daily_at=time(2, 45),
        group=UPKEEP,
        about=N_("Copies the whole database, where backups are wanted, and removes copies that are too old."),
    ),
    Periodic(
        "backup-drill",
        backup.drill,
        daily_at=time(4, 40),
        weekday=6,
        group=UPKEEP,
        about=N_("Restores the last backup beside the site, for practice, and proves the ledger and the stock in it."),
    ),
    Periodic(
        "housekeeping",
        housekeeping.sweep,
        daily_at=time(3, 30),
        group=UPKEEP,
        about=N_("Forgets what is kept for a while only: answered requests, done work, old runs of jobs."),
    ),
    Periodic(
        "old-logins",
        accounts.sweep,
        daily_at=time(3, 35),
        group=UPKEEP,
        about=N_("Removes logins, links and codes whose time is over."),
    ),
    Periodic(
        "old-imports",
        imports.expire,
        daily_at=time(3, 40),
        group=UPKEEP,
        about=N_("Forgets imports of products after a month and exports after a week."),
    ),
    Periodic(
        "old-order-tables",
        order_history.expire,
        daily_at=time(3, 50),
        group=UPKEEP,
        about=N_("Removes tables of orders after a week."),
    ),
    Periodic(
        "old-papers",
        papers.expire,
        daily_at=time(3, 50),
        group=UPKEEP,
        about=N_("Removes papers of orders after a month: they can be made again."),
    ),
    Periodic(
        "old-searches",
        search.sweep,
        daily_at=time(3, 40),
        group=UPKEEP,
        about=N_("Forgets old searches that found nothing."),
    ),
    Periodic(
        "orphaned-files",
        files.sweep,
        daily_at=time(3, 45),
        group=UPKEEP,
        about=N_("Removes files that nothing refers to any more."),
    ),
]
