"""How revenue is shared: set by the platform's admins, seen by nobody else."""

from __future__ import annotations

from wholesale.audit import actions as audit
from wholesale.kernel.actor import Actor
from wholesale.merchandising import queries
from wholesale.pricing import actions as pricing
from wholesale.pricing.models import SettlementRule
from wholesale.pricing.rules import Settlement


def set_settlement(*, actor: Actor, kind: str, scope_id: int, settlement: Settlement, reason: str) -> None:
    """Let `settlement` hold for the scope from now on. Orders that were placed keep theirs.

    The entry in the log has no business: the percentages are the platform's own. Raises NotFoundError, ForbiddenError.
    """
    settled = queries.settlement(kind, scope_id)
    before = settled.rule
    if before is not None and _values(before) == _values(settlement):
        return  # sent twice
    rule = pricing.set_settlement(actor=actor, settlement=settlement, **settled.scope.keywords)
    audit.record(
        actor=actor,
        action="settlement.set",
        thing=f"settlement of {kind}",
        thing_id=scope_id,
        before=_noted(before) if before else None,
        after=_noted(rule),
        reason=reason,
    )


def _values(rule: SettlementRule | Settlement) -> dict[str, object]:
    return {
        "model": rule.model,
        "platform_percent": rule.platform_percent,
        "seller_percent": rule.seller_percent,
        "commission_percent": rule.commission_percent,
        "goods_owner": rule.goods_owner,
    }


def _noted(rule: SettlementRule) -> dict[str, str]:
    return {name: str(value) for name, value in _values(rule).items() if value is not None}
