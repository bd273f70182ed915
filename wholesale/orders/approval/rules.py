"""When a purchase must be approved, and what may become of a request. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError
from wholesale.kernel.money import Money
from wholesale.kernel.words import N_

KEPT = timedelta(hours=72)
"""How long a request waits for somebody to decide."""

STATES = ("waiting", "approved", "refused", "withdrawn", "expired")
TRANSITIONS = (
    ("waiting", "approved"),
    ("waiting", "refused"),
    ("waiting", "withdrawn"),
    ("waiting", "expired"),
)
MOVERS = {
    ("waiting", "approved"): frozenset({"approver"}),
    ("waiting", "refused"): frozenset({"approver"}),
    ("waiting", "withdrawn"): frozenset({"asker"}),
    ("waiting", "expired"): frozenset({"time"}),
}
# When the lines go back into the asker's cart: all but those that were refused by themselves.
BACK_TO_CART = frozenset({"refused", "withdrawn", "expired"})

_APPROVERS = frozenset({"owner", "admin"})
_ORDERING = frozenset({"owner", "admin", "member"})
_DECIDED = {
    "approved": N_("{who} has approved this request already."),
    "refused": N_("{who} has refused this request already."),
    "withdrawn": N_("{who} has taken this request back."),
    "expired": N_("Nobody decided this request in time, so it has ended. Its lines are in the cart again."),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """A person's place in a business: role, and what one purchase may cost; both None: not a member (any more)."""

    role: str | None = None
    limit: Money | None = None


@dataclass(frozen=True, slots=True)
class Excess:
    """A purchase is above `limit`, by `above`; None: it is in another currency, so that nobody can tell."""

    limit: Money
    above: Money | None


def excess(role: str | None, limit: Money | None, total: Money) -> Excess | None:
    """What must be asked for; None: the person may order it. Owners and admins have no limit: they approve."""
    if limit is None or role in _APPROVERS:
        return None
    if limit.currency != total.currency:
        return Excess(limit, None)
    return Excess(limit, total - limit) if total > limit else None


def check_may_order(standing: Standing) -> None:
    """Raise ForbiddenError unless this person may (still) order for the business."""
    if standing.role is None:
        raise ForbiddenError("You do not belong to this business any more, so you cannot order for it.")
    if standing.role not in _ORDERING:
        raise ForbiddenError("Your role in the business is to look, not to act.")


def check_approver(standing: Standing, *, is_asker: bool) -> None:
    """Raise ForbiddenError unless this person may decide."""
    if standing.role not in _APPROVERS:
        raise ForbiddenError("Only the owner and the admins of the business approve orders.")
    if is_asker:
        raise ForbiddenError("Somebody else has to approve what you have asked for. You can take it back.")


def check_asker(standing: Standing, name: str) -> None:
    """Raise DomainError when whoever asked may not order any more: nothing is bought in their name."""
    if standing.role is None:
        raise DomainError("{name} does not belong to your business any more. Refuse this request.", name=name)
    if standing.role not in _ORDERING:
        raise DomainError("{name} may not order for your business any more. Refuse this request.", name=name)


def check_waiting(state: str, who: str) -> None:
    """Raise ConflictError when a request is decided already: `who` did it."""
    if state != "waiting":
        raise ConflictError(_DECIDED[state], who=who)


def has_expired(expires_at: datetime, now: datetime) -> bool:
    """Whether the request's time is over, also where the timetable has not come by yet."""
    return now >= expires_at
