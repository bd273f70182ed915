"""What is held of a person, table by table: what their download shows of it, and what erasure does with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from wholesale.kernel.errors import DomainError
from wholesale.kernel.words import N_

COOLING_OFF = timedelta(days=7)
"""How long an erasure waits, so that a stolen phone or a bad day destroys nothing."""
DOWNLOAD_LIFE = timedelta(days=7)
LETTERS_GO = timedelta(days=30)
"""For how long the last letter of an erased person is looked after; by then it was sent, or given up."""

_TAX = N_("Tax law and the books need it. It holds a number in place of your name.")
_BUSINESS = N_("It belongs to the business. It holds a number in place of your name.")
_SAFETY = N_("It protects you and others against fraud. It holds a number in place of your name.")


@dataclass(frozen=True)
class Holding:
    """The rows of `table` whose `column` is the person.

    `shown`: the columns that the download holds; secrets and digests are never among them. `erasure`: whether the
    rows go or stay, and `why` they stay.
    """

    table: str
    column: str
    title: str
    shown: tuple[str, ...]
    erasure: Literal["delete", "keep"] = "delete"
    why: str = ""

    @property
    def file(self) -> str:
        """Its name in the archive."""
        return f"{self.table}.json" if self.column == "user_id" else f"{self.table}-{self.column}.json"


# In the order in which erasure goes through them.
HOLDINGS = (
    Holding(
        "login_session",
        "user_id",
        N_("Devices on which you were signed in"),
        ("user_agent", "address", "created_at", "last_used_at", "ended_at"),
    ),
    Holding("login_failure", "user_id", N_("Failed logins"), ("address", "kind", "at")),
    Holding("one_time_link", "user_id", N_("Links sent to you"), ("purpose", "email", "created_at", "used_at")),
    Holding("phone_code", "user_id", N_("Codes sent to your phone"), ("phone", "created_at")),
    Holding("totp", "user_id", N_("Your authenticator app"), ("created_at", "confirmed_at")),
    Holding("recovery_code", "user_id", N_("Your recovery codes"), ("used_at",)),
    Holding("passkey", "user_id", N_("Your passkeys"), ("name", "created_at", "last_used_at")),
    Holding("passkey_challenge", "user_id", N_("A passkey question that is open"), ("expires_at",)),
    Holding(
        "checkout",
        "user_id",
        N_("A checkout you began"),
        ("payment_method", "buyer_reference", "note", "instructions", "po_file_name"),
    ),
    Holding("cart_line", "user_id", N_("Your cart"), ("variant_id", "quantity", "added_at")),
    Holding("order_list", "user_id", N_("Order lists that are yours alone"), ("name", "changed_at")),
    Holding("membership", "user_id", N_("Businesses you belong to"), ("organization_id", "role", "created_at")),
    Holding("data_download", "user_id", N_("Downloads of your data"), ("requested_at", "ready_at", "size")),
    Holding("consent", "user_id", N_("What you agreed to"), ("document", "version", "given_at"), "keep", _SAFETY),
    Holding("erasure", "user_id", N_("Erasures you asked for"), ("requested_at", "due_at"), "keep", _SAFETY),
    Holding(
        "invitation",
        "invited_by",
        N_("People you invited"),
        ("email", "role", "created_at", "accepted_at"),
        "keep",
        _BUSINESS,
    ),
    Holding(
        "invitation", "accepted_by", N_("Invitations you accepted"), ("email", "role", "accepted_at"), "keep", _BUSINESS
    ),
    Holding(
        "purchase",
        "user_id",
        N_("What you ordered"),
        ("number", "placed_at", "payment_method", "total", "currency", "buyer_reference", "note", "instructions"),
        "keep",
        _TAX,
    ),
    Holding(
        "purchase", "approved_by", N_("Orders you approved"), ("number", "placed_at", "total", "currency"), "keep", _TAX
    ),
    Holding(
        "approval_request",
        "user_id",
        N_("Orders you asked approval for"),
        ("asked_at", "state", "total", "currency", "payment_method", "buyer_reference", "note", "instructions"),
        "keep",
        _BUSINESS,
    ),
    Holding(
        "approval_line",
        "refused_by",
        N_("Lines you took out of orders"),
        ("sku", "refusal", "refused_at"),
        "keep",
        _BUSINESS,
    ),
    Holding(
        "approval_move",
        "user_id",
        N_("What you did with requests for approval"),
        ("before", "after", "reason", "at"),
        "keep",
        _BUSINESS,
    ),
    Holding("order_answer", "user_id", N_("What you answered to orders"), ("state", "note", "given_at"), "keep", _TAX),
    Holding(
        "order_answer", "decided_by", N_("Changed orders you decided about"), ("state", "decided_at"), "keep", _TAX
    ),
    Holding(
        "return_request",
        "user_id",
        N_("Goods you wanted to send back"),
        ("number", "note", "state", "requested_at"),
        "keep",
        _TAX,
    ),
    Holding("return_request", "decided_by", N_("Returns you answered"), ("number", "answer"), "keep", _TAX),
    Holding("return_request", "received_by", N_("Returns you received"), ("number", "received_at"), "keep", _TAX),
    Holding(
        "order_credit", "user_id", N_("What you took back of orders"), ("kind", "reason", "total", "at"), "keep", _TAX
    ),
    Holding("shipment", "user_id", N_("Goods you shipped"), ("number", "carrier", "shipped_at"), "keep", _TAX),
    Holding("order_move", "user_id", N_("What you did with orders"), ("before", "after", "reason", "at"), "keep", _TAX),
    Holding(
        "verification_case",
        "submitted_by",
        N_("Papers you sent"),
        ("licence_no", "tax_no", "licence_expires_on", "state", "submitted_at", "decided_at"),
        "keep",
        _TAX,
    ),
    Holding("verification_case", "reviewer_id", N_("Papers you reviewed"), ("state", "decided_at"), "keep", _BUSINESS),
    Holding("verification_requirement", "user_id", N_("Papers you judged"), ("kind", "state"), "keep", _BUSINESS),
    Holding(
        "verification_move", "user_id", N_("What you did with papers"), ("before", "after", "at"), "keep", _BUSINESS
    ),
    Holding("receipt", "recorded_by", N_("Payments you noted"), ("reference", "amount", "currency"), "keep", _TAX),
    Holding("tax_rate", "set_by", N_("Rates of tax you set"), ("country", "name", "percent", "set_at"), "keep", _TAX),
    Holding("tax_rate", "ended_by", N_("Rates of tax you ended"), ("country", "name", "valid_until"), "keep", _TAX),
    Holding(
        "forecast_override",
        "made_by",
        N_("Forecasts you set by hand"),
        ("weekly", "reorder_level", "note", "ends_on", "made_at"),
        "keep",
        _BUSINESS,
    ),
    Holding(
        "forecast_override", "ended_by", N_("Forecasts by hand you took back"), ("note", "ended_at"), "keep", _BUSINESS
    ),
    Holding(
        "forecast_setting",
        "set_by",
        N_("How well goods are kept, set by you"),
        ("service_percent", "review_days", "set_at"),
        "keep",
        _BUSINESS,
    ),
    Holding("refund", "made_by", N_("Refunds you decided"), ("amount", "currency", "made_at"), "keep", _TAX),
    Holding("refund", "paid_by", N_("Refunds you noted as paid"), ("reference", "amount", "currency"), "keep", _TAX),
    Holding("settlement_rule", "set_by", N_("Terms you set"), ("model", "valid_from", "reason"), "keep", _TAX),
    Holding("settlement_rule", "cancelled_by", N_("Terms you called off"), ("model", "valid_from"), "keep", _TAX),
    Holding("transfer", "sent_by", N_("Goods you sent to another location"), ("number", "sent_at"), "keep", _TAX),
    Holding("inventory_log", "user_id", N_("Stock you moved"), ("kind", "quantity", "reference", "at"), "keep", _TAX),
    Holding("batch_move", "user_id", N_("Batches you moved"), ("kind", "quantity", "reference", "at"), "keep", _TAX),
    Holding("stock_count", "user_id", N_("Counts you began"), ("number", "started_at", "state"), "keep", _TAX),
    Holding("stock_count", "ended_by", N_("Counts you posted or called off"), ("number", "ended_at"), "keep", _TAX),
    Holding("stock_count_entry", "user_id", N_("Numbers you counted"), ("counted", "at"), "keep", _TAX),
    Holding("stock_count_file", "user_id", N_("Files of numbers you sent"), ("file_name", "at"), "keep", _TAX),
    Holding(
        "import_run",
        "user_id",
        N_("Files of products you sent"),
        ("file_name", "created_at", "state"),
        "keep",
        _BUSINESS,
    ),
    Holding(
        "stock_alert", "assigned_to", N_("Goods that run out, given to you"), ("raised_at", "note"), "keep", _BUSINESS
    ),
    Holding(
        "stock_alert_move", "user_id", N_("What you did about goods that run out"), ("what", "at"), "keep", _BUSINESS
    ),
    Holding(
        "price_change",
        "made_by",
        N_("Prices you changed"),
        ("change_percent", "products", "made_at"),
        "keep",
        _BUSINESS,
    ),
    Holding(
        "price_history", "user_id", N_("Prices that are as you set them"), ("before", "after", "at"), "keep", _BUSINESS
    ),
    Holding("order_export", "user_id", N_("Tables of orders you had written"), ("asked_at", "rows"), "keep", _BUSINESS),
    Holding("catalogue_export", "user_id", N_("Catalogues you had written"), ("asked_at", "rows"), "keep", _BUSINESS),
    Holding("paper", "asked_by", N_("Papers of orders you had made"), ("kind", "asked_at", "size"), "keep", _BUSINESS),
    Holding(
        "purchase_order", "created_by", N_("Purchase orders you raised"), ("number", "created_at"), "keep", _BUSINESS
    ),
    Holding(
        "purchase_order_move",
        "user_id",
        N_("What you did with purchase orders"),
        ("before", "after", "reason", "at"),
        "keep",
        _BUSINESS,
    ),
    Holding("purchase_delivery", "user_id", N_("Deliveries you received"), ("note", "received_at"), "keep", _BUSINESS),
    Holding(
        "cost_offer",
        "answered_by",
        N_("Costs of goods you decided about"),
        ("answer", "answered_at"),
        "keep",
        _BUSINESS,
    ),
    Holding("ledger_journal", "user_id", N_("Bookings you caused"), ("reference", "memo", "at"), "keep", _TAX),
)

PERSON = ("email", "name", "phone", "language", "created_at", "email_confirmed_at", "phone_confirmed_at")
"""What the download shows of the person's own row."""

NAMELESS = "–"
"""What stands where an erased person's name stood."""


def erased_email(user_id: int) -> str:
    """An address that is nobody's: `.invalid` is reserved for that (RFC 2606)."""
    return f"erased-{user_id}@erased.invalid"


@dataclass(frozen=True)
class Standing:
    """One of the person's businesses, as far as an erasure depends on it. `unsettled`: money is owed."""

    name: str
    role: str
    other_owners: int
    others: int
    open_orders: int
    unsettled: bool = False


def obstacles(*, is_staff: bool, businesses: list[Standing]) -> list[DomainError]:
    """What a person must settle before they can be erased."""
    found = []
    if is_staff:
        found.append(DomainError("You work for the platform. Another admin has to end that first."))
    for business in businesses:
        if business.role == "owner" and not business.other_owners and business.others:
            found.append(
                DomainError(
                    "You are the only owner of {business}. Hand it over to a colleague first.", business=business.name
                )
            )
        elif not business.others and business.open_orders:
            found.append(
                DomainError(
                    "{business} has open orders. Wait until they are delivered, or cancel them first.",
                    business=business.name,
                )
            )
        elif not business.others and business.unsettled:
            found.append(
                DomainError(
                    "{business} still owes money or is still owed some. Have that paid first, or write to us.",
                    business=business.name,
                )
            )
    return found
