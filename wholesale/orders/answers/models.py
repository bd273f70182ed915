"""Answers and their replies."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from wholesale.kernel import clock
from wholesale.orders.answers.rules import KINDS, STATES
from wholesale.platform.db import Amount, Base, Id, one_of


class OrderAnswer(Base):
    """What the seller said about an order. `decided_by` None, when it is decided: it held at once, or time did it.

    `sequence` counts within the order. `seen`: the digest of the order and replies that the buyer decides about.
    """

    __tablename__ = "order_answer"
    __table_args__ = (
        one_of("state", STATES),
        sa.CheckConstraint("(state = 'waiting') = (decided_at IS NULL)", name="decided"),
        sa.UniqueConstraint("order_id", "sequence"),
        sa.Index("uq_order_answer_waiting", "order_id", unique=True, postgresql_where=sa.text("state = 'waiting'")),
        sa.Index("ix_order_answer_expiry", "expires_at", postgresql_where=sa.text("state = 'waiting'")),
    )

    id: Mapped[Id] = mapped_column(init=False)
    order_id: Mapped[int] = mapped_column(sa.ForeignKey("sales_order.id"))
    sequence: Mapped[int] = mapped_column(sa.Integer)
    state: Mapped[str]
    note: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"))
    expires_at: Mapped[datetime]
    given_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    decided_by: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"), default=None)
    lines: Mapped[list[OrderAnswerLine]] = relationship(init=False, order_by="OrderAnswerLine.line_id", lazy="raise")

    @property
    def is_question(self) -> bool:
        """Whether the buyer was asked; what needs no asking is decided in the moment it is given."""
        return self.decided_at is None or self.decided_at > self.given_at


class OrderAnswerLine(Base):
    """A reply: about so many open `pieces` of a line. `asked`: the buyer decides; otherwise it held at once.

    Of a substitute: which variant, how many (`quantity`) at which price; its names are copies of that day.
    `new_line_id` is the line that it became.
    """

    __tablename__ = "order_answer_line"
    __table_args__ = (
        one_of("kind", KINDS),
        sa.CheckConstraint("pieces > 0 AND (quantity IS NULL OR quantity > 0)", name="pieces"),
        sa.CheckConstraint(
            "(kind = 'substitute') = (variant_id IS NOT NULL) AND (variant_id IS NULL) = (unit_price IS NULL)",
            name="substitute",
        ),
        sa.CheckConstraint("kind <> 'substitute' OR asked", name="substitutes_are_asked"),
    )

    answer_id: Mapped[int] = mapped_column(sa.ForeignKey("order_answer.id"), primary_key=True)
    line_id: Mapped[int] = mapped_column(sa.ForeignKey("order_line.id"), primary_key=True, index=True)
    kind: Mapped[str]
    pieces: Mapped[int] = mapped_column(sa.Integer)
    asked: Mapped[bool]
    keeps_rest: Mapped[bool] = mapped_column(default=False)
    quantity: Mapped[int | None] = mapped_column(sa.Integer, default=None)
    ready_on: Mapped[date | None] = mapped_column(default=None)
    variant_id: Mapped[int | None] = mapped_column(sa.ForeignKey("variant.id"), index=True, default=None)
    sku: Mapped[str] = mapped_column(default="")
    name: Mapped[str] = mapped_column(default="")
    name_bn: Mapped[str | None] = mapped_column(default=None)
    unit: Mapped[str] = mapped_column(default="")
    unit_price: Mapped[Amount | None] = mapped_column(default=None)
    new_line_id: Mapped[int | None] = mapped_column(sa.ForeignKey("order_line.id"), default=None)

    @property
    def price(self) -> Decimal:
        """What a piece of the substitute costs."""
        assert self.unit_price is not None, "a substitute has its price"
        return self.unit_price
