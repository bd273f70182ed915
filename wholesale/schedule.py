"""The timetable: every periodic job of the product, on one page. Times of day are in the platform's zone."""

from __future__ import annotations

from datetime import time, timedelta

from wholesale.inventory import jobs as inventory
from wholesale.invoicing import jobs as invoicing
from wholesale.ledger import jobs as ledger
from wholesale.platform import files, housekeeping, mail
from wholesale.platform.jobs import Periodic

TIMETABLE = [
    # The outbox itself is rung for every second by the scheduler (platform.jobs.tick).
    Periodic("stuck-invoices", invoicing.sweep, every=timedelta(minutes=10)),
    Periodic("stuck-messages", mail.sweep, every=timedelta(minutes=5)),
    Periodic("housekeeping", housekeeping.sweep, daily_at=time(3, 30)),
    Periodic("orphaned-files", files.sweep, daily_at=time(3, 45)),
    Periodic("ledger-proof", ledger.prove, daily_at=time(2, 0)),
    Periodic("inventory-proof", inventory.prove, daily_at=time(2, 15)),
]
