"""Who asks: the person, the business they act for, and what that lets them do (EX-7)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from wholesale.kernel.money import Money

OrganizationKind = Literal["buyer", "seller"]
Role = Literal["owner", "admin", "member", "viewer"]

# How long a proof of identity (password, code or passkey) is good for what must not happen by a borrowed phone.
FRESH = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Actor:
    """A person acting for one business (or none), as loaded once per request.

    `verified_until` is the last day on which the business counts as verified; `today` the day the actor was
    loaded, in the platform's zone. `staff_role` is only there once the session has passed a second factor;
    `needs_second_factor` says that a member of staff has not. `on_behalf`: a platform admin acts for the
    business as a member would, for `on_behalf_reason` and at most `on_behalf_until`, and has no rights of staff
    meanwhile. `spending_limit` is what one purchase may cost before the business's admins are asked. `businesses`:
    how many the person belongs to. Nobody signed in: `user_id` is None.
    """

    user_id: int | None = None
    session_id: int | None = None
    name: str = ""
    email: str = ""
    language: str | None = None
    staff_role: str | None = None
    needs_second_factor: bool = False
    authenticated_at: datetime | None = None
    organization_id: int | None = None
    organization_name: str = ""
    kind: OrganizationKind | None = None
    role: Role | None = None
    spending_limit: Money | None = None
    is_partner: bool = False
    businesses: int = 0
    on_behalf: bool = False
    on_behalf_reason: str = ""
    on_behalf_until: datetime | None = None
    verified_until: date | None = None
    today: date | None = None

    @property
    def is_anonymous(self) -> bool:
        return self.user_id is None

    @property
    def is_staff(self) -> bool:
        return self.staff_role is not None

    @property
    def is_admin(self) -> bool:
        return self.staff_role == "admin"

    @property
    def is_buyer(self) -> bool:
        return self.kind == "buyer"

    @property
    def is_seller(self) -> bool:
        return self.kind == "seller"

    @property
    def is_verified(self) -> bool:
        """The business has an approved trade licence that has not expired."""
        return self.verified_until is not None and self.today is not None and self.today <= self.verified_until

    @property
    def may_see_prices(self) -> bool:
        """The one policy that every surface asks: wholesale prices are for verified businesses and staff."""
        return self.is_staff or self.is_verified

    @property
    def may_see_what_is_left(self) -> bool:
        """Whether goods can be ordered now is for those who order them; sellers know their own stock only (EX-7)."""
        return self.is_staff or (self.is_buyer and self.is_verified)

    @property
    def may_order(self) -> bool:
        return self.is_buyer and self.is_verified and self.role != "viewer"

    @property
    def may_sell(self) -> bool:
        """A seller has a seller's rights once the platform has accepted them as a profit partner (ACC-5)."""
        return self.is_seller and self.is_verified and self.is_partner and self.role != "viewer"

    @property
    def is_owner(self) -> bool:
        return self.role == "owner"

    @property
    def is_business_admin(self) -> bool:
        """Invites and removes people, approves what is above a limit."""
        return self.role in {"owner", "admin"}

    def is_fresh(self, now: datetime) -> bool:
        """Whether the person has proved who they are a short while ago."""
        return self.authenticated_at is not None and now - self.authenticated_at <= FRESH

    @property
    def acting_user(self) -> int:
        """The person's id; for code behind an access rule that asks for a login."""
        assert self.user_id is not None, "an access rule must come first"
        return self.user_id

    @property
    def acting_organization(self) -> int:
        """The business's id; for code behind an access rule that asks for one."""
        assert self.organization_id is not None, "an access rule must come first"
        return self.organization_id


ANONYMOUS = Actor()
# The product itself: jobs, commands and the demo's loader act as this.
SYSTEM = Actor(name="system", staff_role="admin")
