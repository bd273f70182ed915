"""What an entry may hold, and how it is read: masks, plain values, words for actions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from wholesale.kernel.words import N_

_SHOWN_DIGITS = 2
_LONG_ENOUGH = 7
_HIDDEN = "…"

YES, NO = N_("yes"), N_("no")

# What a value may be as it stands; everything else is written as its text (an amount, a day, a time).
_PLAIN = (bool, int, str, type(None))

# What was done, as people read it after a name. Rooms above may add their own where they are imported.
ACTIONS = {
    "acting.ended": N_("stopped acting for the business"),
    "acting.started": N_("began to act for the business"),
    "address.added": N_("added an address"),
    "approval.approved": N_("approved a purchase"),
    "approval.asked": N_("asked for approval of a purchase"),
    "approval.expired": N_("let a wish for approval end"),
    "approval.line_refused": N_("took a line out of a purchase"),
    "approval.line_taken_back": N_("put a line back into a purchase"),
    "approval.refused": N_("refused a purchase"),
    "approval.withdrawn": N_("took back a wish for approval"),
    "audit.exported": N_("exported the audit log"),
    "attribute.added": N_("added an attribute"),
    "attribute.changed": N_("changed an attribute"),
    "attribute.removed": N_("removed an attribute"),
    "batch.changed": N_("changed a batch of a product"),
    "batch.goods_marked": N_("noted that a product expires"),
    "batch.goods_unmarked": N_("noted that a product does not expire"),
    "batch.registered": N_("noted a batch of a product"),
    "batch.written_off": N_("wrote off expired pieces of a product"),
    "business.closed": N_("closed the business"),
    "business.founded": N_("founded the business"),
    "category.added": N_("added a category"),
    "category.changed": N_("changed a category"),
    "category.products_moved": N_("moved products to another category"),
    "category.removed": N_("removed a category"),
    "count.cancelled": N_("called off a stock take"),
    "count.posted": N_("posted a stock take"),
    "count.started": N_("began a stock take"),
    "data.requested": N_("asked for their data"),
    "erasure.requested": N_("asked to be erased"),
    "erasure.withdrawn": N_("took back the wish to be erased"),
    "forecast.kept": N_("set how well a product is kept"),
    "forecast.overridden": N_("set a forecast by hand"),
    "forecast.override_ended": N_("took back a forecast set by hand"),
    "job.started": N_("started a job by hand"),
    "login.failed_often": N_("failed to log in too often"),
    "login.new_device": N_("logged in on a new device"),
    "login.pause_lifted": N_("let somebody log in again at once"),
    "message.discarded": N_("gave up a message that had failed"),
    "message.restarted": N_("restarted what had failed"),
    "order.allowance_given": N_("let something off the price of an order"),
    "order.cancelled": N_("cancelled an order"),
    "order.moved": N_("moved an order on"),
    "partner.accepted": N_("accepted the seller as a partner"),
    "partner.withdrawn": N_("ended the seller's partnership"),
    "person.erased": N_("erased a person's data"),
    "price_list.changed": N_("changed a price list"),
    "price_list.created": N_("made a price list"),
    "prices.change_cancelled": N_("took back a change of prices"),
    "prices.changed": N_("changed prices"),
    "product.changed": N_("changed a product"),
    "product.copied": N_("copied a product"),
    "product.created": N_("added a product"),
    "product.prices_set": N_("changed the prices of a product"),
    "product.state_set": N_("put a product on sale, or took it away"),
    "product.stock_counted": N_("counted the stock of a product"),
    "picture.added": N_("added pictures to a product"),
    "picture.changed": N_("changed a picture of a product"),
    "picture.removed": N_("removed a picture of a product"),
    "products.imported": N_("applied a file of products"),
    "purchase.placed_on_behalf": N_("placed an order for the business"),
    "purchase_order.cancelled": N_("cancelled a purchase order"),
    "purchase_order.changed": N_("changed a purchase order"),
    "purchase_order.closed": N_("closed a purchase order short"),
    "purchase_order.raised": N_("raised a purchase order"),
    "purchase_order.received": N_("received goods of a purchase order"),
    "purchase_order.reopened": N_("began to change a purchase order that was sent"),
    "purchase_order.sent": N_("sent a purchase order"),
    "refund.made": N_("decided to pay money back"),
    "refund.paid": N_("noted that money was paid back"),
    "return.approved": N_("let goods come back"),
    "return.received": N_("received goods that came back"),
    "return.refused": N_("refused a return"),
    "second_factor.app_added": N_("added an authenticator app"),
    "second_factor.app_removed": N_("removed the authenticator app"),
    "second_factor.codes_renewed": N_("made new recovery codes"),
    "second_factor.passkey_added": N_("added a passkey"),
    "second_factor.passkey_copied": N_("met a copied passkey"),
    "second_factor.passkey_removed": N_("removed a passkey"),
    "second_factor.recovery_code_used": N_("logged in with a recovery code"),
    "second_factor.reset": N_("took away the second factors"),
    "second_factor.tries_exceeded": N_("gave too many wrong codes"),
    "stock_alert.assigned": N_("gave a stock alert to somebody"),
    "stock_alert.noted": N_("wrote a note on a stock alert"),
    "stock_alert.snoozed": N_("put a stock alert off"),
    "stock_alert.woken": N_("took up a stock alert again"),
    "session.all_ended": N_("logged out on all devices"),
    "session.copied": N_("met a stolen copy of a login"),
    "session.ended": N_("logged out a device"),
    "session.others_ended": N_("logged out all other devices"),
    "settlement.set": N_("changed how revenue is shared"),
    "settlement.called_off": N_("called off a change of how revenue is shared"),
    "stock.adjusted": N_("changed what is on hand of a product"),
    "stock.location_changed": N_("changed a location"),
    "stock.location_closed": N_("closed a location"),
    "stock.location_opened": N_("opened a location"),
    "stock.transfer_cancelled": N_("called goods back that were on the way"),
    "stock.transfer_found": N_("found goods that were lost on the way"),
    "stock.transfer_lost": N_("gave up goods that were lost on the way"),
    "stock.transfer_received": N_("received goods from another location"),
    "stock.transfer_sent": N_("sent goods to another location"),
    "stock.written_off": N_("wrote off pieces of a product"),
    "supplier.added": N_("added a supplier"),
    "supplier.changed": N_("changed a supplier"),
    "supplier.ended": N_("stopped buying of a supplier"),
    "supplier.items_changed": N_("changed what a supplier sells"),
    "supplier.resumed": N_("buys of a supplier again"),
    "synonym.removed": N_("removed words that mean the same"),
    "synonym.saved": N_("said which words mean the same"),
    "tax_rate.added": N_("set a rate of tax"),
    "tax_rate.ended": N_("ended a rate of tax"),
    "tax_rate.withdrawn": N_("took back a rate of tax"),
    "transfer.recorded": N_("noted a bank transfer"),
    "user.changed": N_("changed their details"),
    "user.created": N_("opened an account"),
    "user.email_change_asked": N_("asked for another e-mail address"),
    "user.email_changed": N_("changed the e-mail address"),
    "user.email_confirmed": N_("confirmed the e-mail address"),
    "user.password_changed": N_("changed the password"),
    "user.password_reset": N_("set a new password by a letter"),
    "user.phone_changed": N_("changed the phone number"),
    "user.phone_confirmed": N_("confirmed the phone number"),
    "verification.accepted": N_("accepted the papers"),
    "verification.approved": N_("verified the business"),
    "verification.drafted": N_("began to collect papers"),
    "verification.expired": N_("let the verification end"),
    "verification.questioned": N_("asked for more papers"),
    "verification.rejected": N_("rejected the papers"),
    "verification.released": N_("gave the case back"),
    "verification.submitted": N_("sent papers"),
    "verification.taken": N_("took the case"),
    "verification.waived": N_("waived a requirement"),
}


def words(action: str) -> str:
    """The action as a part of a sentence; an unknown one as it is written in the log."""
    return ACTIONS.get(action, action)


@dataclass(frozen=True)
class Change:
    """One value before and after, as text; empty: there was none."""

    name: str
    before: str
    after: str


def changes(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[Change]:
    """What an entry holds, value by value, in the order in which it was written."""
    old, new = before or {}, after or {}
    return [
        Change(name.replace("_", " "), _readable(old.get(name)), _readable(new.get(name)))
        for name in dict.fromkeys([*old, *new])
    ]


def _readable(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return YES if value else NO
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')}: {_readable(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(_readable(each) for each in value)
    return str(value)


def masked(text: str) -> str:
    """A personal value so that it can be recognised by who knows it, and by nobody else.

    `amina@shop.example` is `a…@s….example`, `+8801711000001` is `…01`.
    """
    text = text.strip()
    local, at, domain = text.rpartition("@")
    if at:
        host, _, ending = domain.rpartition(".")
        return f"{local[:1]}{_HIDDEN}@{host[:1]}{_HIDDEN}.{ending}" if host else f"{local[:1]}{_HIDDEN}@{_HIDDEN}"
    if not text:
        return ""
    return _HIDDEN + (text[-_SHOWN_DIGITS:] if len(text) >= _LONG_ENOUGH else "")


def plain(facts: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Facts as JSON keeps them: text, whole numbers, yes and no, lists and groups of these."""
    return None if facts is None else {str(name): _plain(value) for name, value in facts.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, _PLAIN):
        return value.replace("\0", "") if isinstance(value, str) else value
    if isinstance(value, Mapping):
        return plain(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in (sorted(value, key=str) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value)


class Wrong(Protocol):
    """What is wrong first in a chain (see `audit.chains.Fault`)."""

    @property
    def chain(self) -> int: ...
    @property
    def seq(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def entry_id(self) -> int | None: ...


_WRONG = {
    "removed": "{entry} was removed",
    "moved": "{entry} is not where it was written: the order was changed",
    "changed": "{entry} was changed, or is not the one that was written there",
    "loose": "{entry} stands beside the chain: it was put in without its link",
    "cut": "{entry} was sealed and is gone: the end was cut off",
    "rewritten": "{entry} is not the one that was sealed: the chain was written anew",
}


def sentence(fault: Wrong) -> str:
    """The fault for whoever runs the proof."""
    whose = f"Chain {fault.chain} (business {fault.chain})" if fault.chain else "Chain 0 (the platform's own)"
    entry = f"entry {fault.seq}" if fault.seq else "an entry"
    known = f" (id {fault.entry_id})" if fault.entry_id is not None else ""
    return f"{whose}: {_WRONG[fault.kind].format(entry=entry + known)}."
