"""The ways to pay, each behind one interface: checkout, order pages and admin pages read this registry, nothing else.

A further method (mobile money, cards, credit terms) is a class that has what `PaymentMethod` asks for, in a room of its
own (`payments/<provider>/`), and one line `register(…)` where that is imported. It brings:

- its names: `code` (kept in the tables for ever), `label`, `meaning`, and `instructions`: what the buyer must do now
  (an account to pay into, a page of the provider to go to);
- how money comes in: `per_order` (each order by itself at the door, or the purchase as a whole), `noted_by_hand`
  (an admin notes what arrived) or by the provider's callback, which calls `actions.receive`; `paid_into`, the ledger's
  account; `receipt`, what its receipts are called;
- how money goes back: `paid_back_from`, and either people do it (`refunds_itself` False: they give the reference) or
  the provider: `start_refund` is asked once per refund, in a handler. It may answer with the provider's reference when
  that is known at once; who must call out records the intent, answers None, calls from a job of its own, and gives
  the answer to `actions.pay_refund`. The refund's id is the provider's idempotency key;
- what an order's page says while money is awaited: `awaits`.

Amounts are claimed (`receipt.refunded`) before a provider is asked, so that two refunds at once never exceed what was
paid, whatever the provider does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from flask import current_app

from wholesale.kernel.money import Money
from wholesale.kernel.words import N_
from wholesale.ledger.rules import Leg, credit, debit
from wholesale.orders.rules import Instructions, WayToPay, add_way, remove_way
from wholesale.payments import rules
from wholesale.platform import i18n

Audience = Literal["buyer", "seller", "staff"]


@dataclass(frozen=True, slots=True)
class Awaited:
    """Money that is still to come: what is owed of which purchase, and what has come so far."""

    purchase_number: str
    owed: Money
    paid: Money


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """What a provider is to pay back: part of the payment that it knows as `receipt_reference`."""

    refund_id: int
    receipt_reference: str
    amount: Money


class PaymentMethod(WayToPay, Protocol):
    """A way to pay a purchase; see the module's docstring for what an adapter brings."""

    @property
    def receipt(self) -> str:
        """The method of the receipts that it leads to."""

    @property
    def per_order(self) -> bool:
        """Each order is paid by itself when it is delivered; otherwise the purchase is paid as a whole."""

    @property
    def noted_by_hand(self) -> bool:
        """An admin notes what has arrived."""

    @property
    def refunds_itself(self) -> bool:
        """Money goes back by the provider, without anybody who pays."""

    def paid_into(self, amount: Money, seller_id: int | None) -> Leg:
        """The ledger's account that money comes into; `seller_id`: of an order that is paid by itself."""

    def paid_back_from(self, amount: Money, seller_id: int | None) -> Leg:
        """The ledger's account that money goes back from."""

    def reference(self, typed: str) -> str:
        """A payment's reference in the one form in which it is kept."""

    def start_refund(self, refund: RefundOrder) -> str | None:
        """Ask the provider to pay back; its reference, or None when the answer comes later, or people pay."""

    def awaits(self, money: Awaited, audience: Audience) -> str:
        """One sentence for the reader, in their language, while money is still to come."""


_METHODS: dict[str, PaymentMethod] = {}


def register(method: PaymentMethod) -> None:
    """Let purchases be paid in this way."""
    _METHODS[method.code] = method
    add_way(method)


def unregister(code: str) -> None:
    """Forget a method (tests add some)."""
    _METHODS.pop(code, None)
    remove_way(code)


def method(code: str) -> PaymentMethod:
    """The method of a purchase. Raises KeyError for one whose adapter is gone."""
    return _METHODS[code]


def by_receipt(kind: str) -> PaymentMethod:
    """The method that leads to receipts of that kind."""
    return next(each for each in _METHODS.values() if each.receipt == kind)


def every() -> list[PaymentMethod]:
    return list(_METHODS.values())


def label(code: str) -> str:
    """What a purchase's method is called, in the reader's language."""
    return i18n.gettext(_METHODS[code].label) if code in _METHODS else code


@dataclass(frozen=True, slots=True)
class PayOnDelivery:
    """Cash at the door: the seller's, until they hand it over."""

    code: str = "pay_on_delivery"
    label: str = N_("Pay on delivery")
    meaning: str = N_("You pay each seller in cash when their goods arrive.")
    offered: bool = True
    receipt: str = "cash"
    per_order: bool = True
    noted_by_hand: bool = False
    refunds_itself: bool = False

    def instructions(self, purchase_number: str, amount: Money) -> Instructions:  # noqa: ARG002 - the interface's
        return Instructions(N_("You pay each seller when the goods arrive."))

    def paid_into(self, amount: Money, seller_id: int | None) -> Leg:
        return debit("cash_with_seller", amount, seller_id)

    def paid_back_from(self, amount: Money, seller_id: int | None) -> Leg:
        return credit("cash_with_seller", amount, seller_id)

    def reference(self, typed: str) -> str:
        return typed

    def start_refund(self, refund: RefundOrder) -> str | None:  # noqa: ARG002 - the seller gives it back by hand
        return None

    def awaits(self, money: Awaited, audience: Audience) -> str:
        _, owed = i18n.gettext, i18n.money(money.owed)
        if audience == "buyer":
            return _("Pay %(amount)s on delivery", amount=owed)
        if audience == "seller":
            return _("Collect %(amount)s on delivery", amount=owed)
        return _("The buyer pays %(amount)s on delivery", amount=owed)


@dataclass(frozen=True, slots=True)
class BankTransfer:
    """The whole purchase by transfer; an admin finds it on the bank's statement, and pays back by another one."""

    code: str = "bank_transfer"
    label: str = N_("Bank transfer")
    meaning: str = N_("You transfer the whole amount; you see the account and the reference right after ordering.")
    offered: bool = True
    receipt: str = "bank_transfer"
    per_order: bool = False
    noted_by_hand: bool = True
    refunds_itself: bool = False

    def instructions(self, purchase_number: str, amount: Money) -> Instructions:
        account = current_app.extensions["settings"].bank_account
        return Instructions(
            N_("Please pay by bank transfer"),
            ((N_("Amount"), amount), (N_("Reference"), purchase_number), (N_("Account"), account)),
        )

    def paid_into(self, amount: Money, seller_id: int | None) -> Leg:  # noqa: ARG002 - the platform's account
        return debit("bank", amount)

    def paid_back_from(self, amount: Money, seller_id: int | None) -> Leg:  # noqa: ARG002 - the platform's account
        return credit("bank", amount)

    def reference(self, typed: str) -> str:
        return rules.bank_reference(typed)

    def start_refund(self, refund: RefundOrder) -> str | None:  # noqa: ARG002 - an admin transfers it
        return None

    def awaits(self, money: Awaited, audience: Audience) -> str:
        _, owed, number = i18n.gettext, i18n.money(money.owed), money.purchase_number
        if audience == "seller":
            return _("The buyer's bank transfer has not arrived yet.")
        if not money.paid.is_zero:
            return _(
                "%(paid)s has arrived. Still to be transferred: %(amount)s with reference %(number)s",
                paid=i18n.money(money.paid),
                amount=owed,
                number=number,
            )
        if audience == "buyer":
            return _(
                "Waiting for your bank transfer of %(amount)s with reference %(number)s", amount=owed, number=number
            )
        return _("Waiting for the buyer's transfer of %(amount)s with reference %(number)s", amount=owed, number=number)


register(PayOnDelivery())
register(BankTransfer())
