"""Transfers, their lines, and the counter of their numbers."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.inventory.transfers.rules import IN_TRANSIT, STATES
from wholesale.kernel import clock
from wholesale.platform.db import Base, Id, one_of


class TransferCounter(Base):
    """The last number given, per seller and year; locked while goods are sent."""

    __tablename__ = "transfer_counter"

    organization_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"), primary_key=True)
    year: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    last: Mapped[int] = mapped_column(sa.Integer)


class Transfer(Base):
    """Goods of a seller that left one location for another. `key`: the form that sent them, which sends them once.

    `version` counts what was done with it, so that a page that is out of date is noticed.
    """

    __tablename__ = "transfer"
    __table_args__ = (
        one_of("state", tuple(STATES)),
        sa.CheckConstraint("(state = 'in_transit') = (ended_at IS NULL)", name="ended"),
        sa.CheckConstraint("from_location_id <> to_location_id", name="goes_somewhere"),
        sa.UniqueConstraint("organization_id", "number"),
        sa.UniqueConstraint("organization_id", "key"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    organization_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"))
    number: Mapped[str]
    key: Mapped[str]
    from_location_id: Mapped[int] = mapped_column(sa.ForeignKey("location.id"), index=True)
    to_location_id: Mapped[int] = mapped_column(sa.ForeignKey("location.id"), index=True)
    note: Mapped[str] = mapped_column(default="")
    sent_by: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"), index=True, default=None)
    sent_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    state: Mapped[str] = mapped_column(default=IN_TRANSIT)
    version: Mapped[int] = mapped_column(sa.Integer, default=1)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)

    @property
    def is_open(self) -> bool:
        """Whether pieces are on the way."""
        return self.state == IN_TRANSIT


class TransferLine(Base):
    """So many pieces of a variant: `received` where they went to, `lost`, `returned` to where they came from, or still
    on the way.

    Of the lost some may be `found` again.
    """

    __tablename__ = "transfer_line"
    __table_args__ = (
        sa.CheckConstraint("quantity > 0", name="quantity"),
        sa.CheckConstraint(
            "received >= 0 AND lost >= 0 AND returned >= 0 AND received + lost + returned <= quantity", name="pieces"
        ),
        sa.CheckConstraint("found BETWEEN 0 AND lost", name="found"),
        sa.Index(
            "ix_transfer_line_on_the_way",
            "variant_id",
            postgresql_where=sa.text("received + lost + returned < quantity"),
        ),
    )

    transfer_id: Mapped[int] = mapped_column(sa.ForeignKey("transfer.id"), primary_key=True)
    variant_id: Mapped[int] = mapped_column(sa.ForeignKey("variant.id"), primary_key=True)
    quantity: Mapped[int] = mapped_column(sa.Integer)
    received: Mapped[int] = mapped_column(sa.Integer, default=0)
    lost: Mapped[int] = mapped_column(sa.Integer, default=0)
    found: Mapped[int] = mapped_column(sa.Integer, default=0)
    returned: Mapped[int] = mapped_column(sa.Integer, default=0)

    @property
    def on_the_way(self) -> int:
        """Pieces that have neither arrived nor come back nor been given up."""
        return self.quantity - self.received - self.lost - self.returned

    @property
    def missing(self) -> int:
        """Lost and not found again."""
        return self.lost - self.found
