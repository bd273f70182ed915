"""The ledger for the platform's admins: what stands where, every journal, and when all of it was last proved."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, Response, request
from flask_babel import gettext as _

from wholesale.audit import actions as audit
from wholesale.kernel import clock
from wholesale.kernel.errors import NotFoundError
from wholesale.ledger import queries
from wholesale.ledger.rules import CHART
from wholesale.platform import errors, htmx, jobs
from wholesale.platform.access import ADMIN, access, actor

bp = Blueprint("ledger", __name__, url_prefix="/admin/ledger")

_LARGEST_ID = 2**63 - 1
_LONGEST_SOUGHT = 100
_PATIENCE = 2 * 60 * 1000  # milliseconds for which a page asks again by itself
_FORGOTTEN = 60 * 60 * 1000  # and after which nobody waits any more


def _before() -> int | None:
    """The key at which a page begins; nonsense begins at the newest."""
    text = request.args.get("before", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 18 else None  # noqa: PLR2004 - a bigint


@bp.get("")
@access(ADMIN)
def overview() -> Response:
    """Every account's balance, and the last proofs; `asked` (milliseconds): somebody waits for the result of one."""
    proofs = queries.proofs()
    asked = request.args.get("asked", type=int)
    age = _milliseconds() - asked if asked is not None else -1
    proved = _milliseconds() - _milliseconds(proofs[0].started_at) if proofs else None
    is_open = 0 <= age <= _FORGOTTEN and (proved is None or proved > age)
    return htmx.respond(
        "ledger/overview.html",
        "ledger/_overview.html",
        balances=queries.trial_balance(),
        proofs=proofs,
        started=queries.starter(proofs[0]) if proofs else None,
        asked=asked,
        waits=is_open and age <= _PATIENCE,
        late=is_open and age > _PATIENCE,
    )


def _milliseconds(at: datetime | None = None) -> int:
    return int((at or clock.now()).timestamp() * 1000)


@bp.post("/proofs")
@access(ADMIN)
def prove() -> Response:
    """Ask a worker to replay everything now."""
    asked = _milliseconds()
    if jobs.ring_by_hand(queries.JOB):
        audit.record(actor=actor(), action="job.started", thing="job", thing_id=queries.JOB)
        return htmx.done("ledger.overview", asked=asked)
    return errors.render(503, _("Redis does not answer, so no worker hears of it. The job was not started: try again."))


@bp.get("/journals")
@access(ADMIN)
def journals() -> Response:
    """Journals, newest first; of an order, a purchase or a key that begins as was typed."""
    sought = request.args.get("q", "").replace("\0", "").strip()[:_LONGEST_SOUGHT]
    return htmx.respond(
        "ledger/journals.html",
        "ledger/_journals.html",
        page=queries.journals(sought=sought, before=_before()),
        sought=sought,
        account=None,
        holders=[],
        organization_id=None,
    )


@bp.get("/accounts/<code>")
@access(ADMIN)
def account(code: str) -> Response:
    """An account of the chart: on whose it stands, and the journals that touch it, of all or of one business."""
    if code not in CHART:
        raise NotFoundError
    whose = request.args.get("business", "")
    one = int(whose) if whose.isascii() and whose.isdecimal() and len(whose) < 18 else None  # noqa: PLR2004 - a bigint
    return htmx.respond(
        "ledger/journals.html",
        "ledger/_journals.html",
        page=queries.journals(code=code, organization_id=one, before=_before()),
        sought="",
        account=CHART[code],
        holders=queries.holders(code) if CHART[code].per == "business" else [],
        organization_id=one,
    )
