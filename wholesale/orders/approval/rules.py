"""When a purchase must be approved, and what may become of a request. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from wholesale.cart.rules import Line
from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError
from wholesale.kernel.money import Money
from wholesale.kernel.words import N_
from wholesale.pricing.rules import Quote, Source, Tier

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


def hold(request_id: int) -> str:
    """The reference for which a waiting request's pieces are set aside."""
    return f"approval:{request_id}"


@dataclass(frozen=True, slots=True)
class Quoted:
    """The quote that a line was asked for with: it holds while the request waits."""

    unit_price: Money
    list_price: Money
    tier_min_qty: int
    source: str


def kept(line: Line, quoted: Quoted | None) -> Line:
    """A line at the price that it was asked for with, whatever it costs today; unless it is not sold any more."""
    choice = line.offer.choice(line.item.variant_id) if line.offer is not None else None
    if quoted is None or line.offer is None or choice is None:
        return line
    # A line adds its variant's surcharge of today to the quote's price; the quoted one has its own in it.
    surcharge = Money(choice.surcharge, quoted.unit_price.currency)
    tier = Tier(quoted.tier_min_qty, quoted.unit_price - surcharge, None, Source.noted(quoted.source))
    quote = Quote(line.item.quantity, tier, quoted.list_price - surcharge, None, None)
    return Line(line.item, line.offer, quote, None)


@dataclass(frozen=True, slots=True)
class Standing:
    """A person's place in a business: role, and what one purchase may cost; both None: not a member (any more).

    `verified_until`: the last day on which the business counts as verified.
    """

    role: str | None = None
    limit: Money | None = None
    verified_until: date | None = None


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
