"""Rates of tax."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.kernel import clock
from wholesale.platform.db import Base, Id, Percent, one_of
from wholesale.taxes.rules import KINDS


class TaxRate(Base):
    """A rate of one scope: a country, and a category with those below it or (NULL) all goods.

    It holds from `valid_from` until the day before the next of its scope begins, or until `valid_until` where somebody
    ended it before. `withdrawn_at`: taken back before it had held for a day. Nothing else of a row ever changes.
    """

    __tablename__ = "tax_rate"
    __table_args__ = (
        one_of("kind", KINDS),
        sa.CheckConstraint("percent BETWEEN 0 AND 100", name="percent"),
        sa.CheckConstraint("(kind = 'standard') = (percent > 0)", name="kind_fits_percent"),
        sa.CheckConstraint("kind <> 'exempt' OR reason <> ''", name="reason"),
        sa.CheckConstraint("valid_until >= valid_from", name="valid_until"),
        # The end comes from the next beginning: with one beginning a day, no two rates of a scope can hold at once.
        sa.Index(
            "uq_tax_rate_scope",
            "country",
            sa.text("coalesce(category_id, 0)"),
            "valid_from",
            unique=True,
            postgresql_where=sa.text("withdrawn_at IS NULL"),
        ),
    )

    id: Mapped[Id] = mapped_column(init=False)
    country: Mapped[str] = mapped_column(sa.CHAR(2))
    category_id: Mapped[int | None] = mapped_column(sa.ForeignKey("category.id"), index=True)
    name: Mapped[str]
    kind: Mapped[str]
    percent: Mapped[Percent]
    included: Mapped[bool]
    reason: Mapped[str]
    valid_from: Mapped[date]
    set_by: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"))
    set_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    valid_until: Mapped[date | None] = mapped_column(default=None)
    ended_by: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"), default=None)
    withdrawn_at: Mapped[datetime | None] = mapped_column(default=None)
