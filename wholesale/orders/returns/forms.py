"""What buyers send back, what sellers answer and count."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import HiddenField, SelectField

from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money
from wholesale.orders.line_forms import LineForm, LinesForm, PiecesField, PriceField, WhyField, needed
from wholesale.orders.returns import pictures
from wholesale.orders.returns.rules import REASONS, Arrival, Wish
from wholesale.platform import kept
from wholesale.platform.fields import choice
from wholesale.platform.forms import HouseForm, LongTextField, TextField, UploadField

REASON_LABELS = {
    "damaged": _l("Damaged"),
    "wrong_goods": _l("Wrong goods"),
    "not_as_described": _l("Not as described"),
    "too_many": _l("Too many"),
    "other": _l("Something else"),
}
PHOTOS = ("photo_1", "photo_2", "photo_3", "photo_4")


class WishForm(LineForm):
    """How much of one line comes back, and why."""

    pieces = PiecesField(_l("Pieces to send back"))
    reason = SelectField(_l("What is wrong?"), choices=[choice(each, REASON_LABELS[each]) for each in REASONS])
    words = TextField(_l("In your words"), maximum=200, optional=True)


class ReturnForm(LinesForm):
    """All that a buyer sends back of an order.

    Pictures that were good are kept when the form comes back, by a signed note in it (see platform.kept).
    """

    seen = HiddenField()
    note = LongTextField(_l("Note for the seller"), maximum=500, optional=True)
    photo_1 = UploadField(_l("Picture"), optional=True)
    photo_2 = UploadField(_l("Second picture"), optional=True)
    photo_3 = UploadField(_l("Third picture"), optional=True)
    photo_4 = UploadField(_l("Fourth picture"), optional=True)
    draft_files = HiddenField()

    def __init__(self, line_ids: Iterable[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.lines: dict[int, WishForm] = {line_id: WishForm(line_id, **kwargs) for line_id in line_ids}
        self.kept = {name: file for name, file in kept.read(self.draft_files.data).items() if name in PHOTOS}
        for name, file in self.kept.items():
            if self[name].data is None:
                self[name].data = file

    def keep_files(self) -> None:
        """Before the form is shown again: keep the pictures that are good, and say what is wrong with others."""
        for name in PHOTOS:
            if self[name].data is None or self[name].errors:
                self.kept.pop(name, None)
                continue
            try:
                self.kept[name] = pictures.keep(self[name].data, field=name)
            except DomainError as error:
                self.refuse(error)
                self.kept.pop(name, None)
        self.draft_files.data = kept.note(self.kept)

    def wishes(self) -> dict[int, Wish]:
        """Line's id → what is sent back of it."""
        return {
            line_id: Wish(line.pieces.data, line.reason.data or "", line.words.data or "")
            for line_id, line in self.lines.items()
            if line.pieces.data
        }

    def photos(self) -> dict[str, kept.Upload]:
        return {name: self[name].data for name in PHOTOS}


class DecideForm(HouseForm):
    """The seller's answer to a return."""

    verdict = HiddenField()
    answer = WhyField(_l("Your answer"))


class ArrivalForm(LineForm):
    """What has arrived of one line, and how much of it cannot be sold again."""

    arrived = PiecesField(_l("Pieces that have arrived"))
    written_off = PiecesField(_l("Of these, not to be sold again"))


class ReceiptForm(LinesForm):
    """What has arrived of a return."""

    def __init__(self, line_ids: Iterable[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.lines: dict[int, ArrivalForm] = {line_id: ArrivalForm(line_id, **kwargs) for line_id in line_ids}
        needed(*(line.arrived for line in self.lines.values()))

    def arrivals(self) -> dict[int, Arrival]:
        """Line's id → what has arrived of it."""
        return {
            line_id: Arrival(line.arrived.data or 0, line.written_off.data or 0) for line_id, line in self.lines.items()
        }


class WriteOffForm(LineForm):
    """How much of one line cannot be sold again."""

    written_off = PiecesField(_l("Not to be sold again"))


class RefusalForm(LinesForm):
    """An order that nobody took at the door."""

    seen = HiddenField()
    reason = LongTextField(_l("Reason"), maximum=500)

    def __init__(self, line_ids: Iterable[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.lines: dict[int, WriteOffForm] = {line_id: WriteOffForm(line_id, **kwargs) for line_id in line_ids}

    def written_off(self) -> dict[int, int]:
        """Line's id → pieces that cannot be sold again."""
        return {line_id: line.written_off.data for line_id, line in self.lines.items() if line.written_off.data}


class LetOffForm(LineForm):
    """How much is let off one line."""

    amount = PriceField(_l("Let off"))


class AllowanceForm(LinesForm):
    """A part of the price of delivered goods that is let off."""

    seen = HiddenField()
    reason = LongTextField(_l("Reason"), maximum=500)

    def __init__(self, line_ids: Iterable[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.lines: dict[int, LetOffForm] = {line_id: LetOffForm(line_id, **kwargs) for line_id in line_ids}

    def amounts(self, currency: str) -> dict[int, Money]:
        """Line's id → how much of its goods is let off."""
        return {
            line_id: Money(line.amount.data, currency)
            for line_id, line in self.lines.items()
            if line.amount.data is not None
        }
