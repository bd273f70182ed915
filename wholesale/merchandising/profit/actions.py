"""How revenue is shared from a day on: set and called off by the platform's admins, seen by nobody else."""

from __future__ import annotations

from datetime import date

from wholesale.audit import actions as audit
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError
from wholesale.merchandising.profit import queries
from wholesale.pricing import actions as pricing
from wholesale.pricing.models import SettlementRule
from wholesale.pricing.rules import Settlement


def set_settlement(
    *,
    actor: Actor,
    kind: str,
    scope_id: int,
    settlement: Settlement | None,
    reason: str,
    starts_on: date | None = None,
) -> None:
    """Let `settlement` hold for the scope from now on, or from the beginning of that day. Orders placed keep theirs.

    None: the scope has no rule of its own any more, the more general one holds. The entry in the log has no business:
    the percentages are the platform's own. Raises NotFoundError, ForbiddenError, DomainError on the day.
    """
    scope = queries.scope_of(kind, scope_id)
    if settlement is None and kind == "platform":
        raise DomainError("The platform needs a rule: nothing more general is left.", field="model")
    valid_from = queries.start_of(starts_on)
    before = queries.would_hold(kind, scope_id, valid_from or clock.now())
    if (_values(before) if before else {"model": "inherit"}) == _values(settlement):
        return  # sent twice, or so already
    rule = pricing.set_settlement(
        actor=actor, settlement=settlement, valid_from=valid_from, reason=reason, **scope.keywords
    )
    audit.record(
        actor=actor,
        action="settlement.set",
        thing=f"settlement of {kind}",
        thing_id=scope_id,
        before=_noted(before) if before else None,
        after=_noted(rule) | ({"valid_from": str(starts_on)} if valid_from else {}),
        reason=reason,
    )


def call_off(*, actor: Actor, rule_id: int) -> None:
    """Take back a rule whose day has not come; once called off, it stays so. Raises NotFoundError, ConflictError."""
    rule = pricing.cancel_settlement(actor=actor, rule_id=rule_id)
    if rule is None:
        return
    kind, scope_id = rule.scope
    audit.record(
        actor=actor,
        action="settlement.called_off",
        thing=f"settlement of {kind}",
        thing_id=scope_id,
        before=_noted(rule) | {"valid_from": rule.valid_from},
    )


def _values(rule: SettlementRule | Settlement | None) -> dict[str, object]:
    if rule is None or rule.model == "inherit":
        return {"model": "inherit"}
    return {
        "model": rule.model,
        "platform_percent": rule.platform_percent,
        "seller_percent": rule.seller_percent,
        "commission_percent": rule.commission_percent,
        "goods_owner": rule.goods_owner,
    }


def _noted(rule: SettlementRule) -> dict[str, object]:
    return {name: str(value) for name, value in _values(rule).items() if value is not None}
