"""One of everything that a route can name, belonging to Amina and Dipu, and somebody of every role who is neither."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from flask import Flask, url_for
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from tests.client import HouseClient
from tests.conftest import Cast
from tests.factories import (
    accounts,
    acting,
    approvals,
    audit,
    batches,
    catalog,
    counts,
    orders,
    organizations,
    prices,
    purchasing,
    taxes,
    transfers,
    verification,
)
from tests.house import access_table as table
from wholesale.accounts.models import User
from wholesale.cart import actions as cart
from wholesale.cart.models import CartLine
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM
from wholesale.merchandising.imports.models import CatalogueExport, ImportRun
from wholesale.order_lists import actions as lists
from wholesale.order_lists.models import OrderListLine
from wholesale.orders.approval.models import ApprovalLine
from wholesale.orders.history.models import OrderExport
from wholesale.orders.models import OrderLine, Purchase
from wholesale.orders.returns.models import ReturnLine, ReturnPhoto, ReturnRequest
from wholesale.papers import actions as paper
from wholesale.platform import files
from wholesale.platform.db import db
from wholesale.platform.messages.queue import OutgoingMessage
from wholesale.platform.outbox import OutboxRow
from wholesale.privacy.models import DataDownload
from wholesale.replenishment.models import StockAlert
from wholesale.search import actions as search
from wholesale.verification.models import VerificationDocument, VerificationPreview

ADDRESS = {
    "contact_name": "Amina",
    "phone": "01712 345678",
    "line": "12 Bazar Road",
    "area": "Mirpur",
    "country": "BD",
    "district": "Dhaka",
}


@dataclass(frozen=True)
class World:
    """The things, and who is signed in: `strangers` to them, one of each role, and their `owners`."""

    app: Flask
    strangers: dict[str, str]
    owners: dict[str, str]
    slug: str
    order_number: str
    purchase_number: str
    line_id: int
    case_id: int
    document_id: int
    preview_id: int
    dead_letter_id: int
    entry_id: int
    download_id: int
    message_id: int
    passkey_id: int
    address_id: int
    invitation_id: int
    amina_id: int
    session_id: int
    request_id: int
    request_line_id: int
    list_id: int
    list_line_id: int
    category_id: int
    attribute_id: int
    product_id: int
    picture_id: int
    synonym_id: int
    rate_id: int
    price_list_id: int
    change_id: int
    buyer_id: int
    alert_id: int
    variant_id: int
    location_id: int
    transfer_id: int
    count_id: int
    batch_id: int

    import_run_id: int
    export_id: int
    order_export_id: int
    return_number: str
    paper_id: int
    photo_id: int
    po_id: int
    supplier_id: int
    offer_id: int

    def values(self, rule: Rule) -> dict[str, object]:
        """What stands in the places of the route's path."""
        named = {
            "slug": self.slug,
            "line_id": self.line_id,
            "case_id": self.case_id,
            "document_id": self.document_id,
            "preview_id": self.preview_id,
            "row_id": self.dead_letter_id,
            "entry_id": self.entry_id,
            "download_id": self.download_id,
            "message_id": self.message_id,
            "passkey_id": self.passkey_id,
            "address_id": self.address_id,
            "invitation_id": self.invitation_id,
            "user_id": self.amina_id,
            "session_id": self.session_id,
            "request_id": self.request_id,
            "category_id": self.category_id,
            "attribute_id": self.attribute_id,
            "product_id": self.product_id,
            "scope": "product",
            "scope_id": self.product_id,
            "picture_id": self.picture_id,
            "synonym_id": self.synonym_id,
            "rate_id": self.rate_id,
            "rule_id": 1,
            "list_id": self.list_id,
            "alert_id": self.alert_id,
            "variant_id": self.variant_id,
            "location_id": self.location_id,
            "transfer_id": self.transfer_id,
            "count_id": self.count_id,
            "batch_id": self.batch_id,
            "change_id": self.change_id,
            "organization_id": self.buyer_id,
            "run_id": self.import_run_id,
            "return_number": self.return_number,
            "photo_id": self.photo_id,
            "paper_id": self.paper_id,
            "po_id": self.po_id,
            "supplier_id": self.supplier_id,
            "offer_id": self.offer_id,
            "version": 1,
            "export_id": self.export_id,
            "note_id": 1,
            "token": "no-such-token",
            "code": "bn",
            "sequence": 1,
            "key": "no-such-picture",
            "name": "no-such-job",
            "number": self.order_number,
        }
        if rule.endpoint in {"checkout.confirmation", "orders.cancel_purchase", "payments.record", "payments.refund"}:
            named["number"] = self.purchase_number
        if rule.endpoint.startswith("approvals."):
            named["line_id"] = self.request_line_id
        if rule.endpoint.startswith("order_lists."):
            named["line_id"] = self.list_line_id
        if rule.endpoint.startswith("order_history."):
            named["export_id"] = self.order_export_id
        if rule.endpoint.startswith("pricing."):
            named["list_id"] = self.price_list_id
        return {argument: named[argument] for argument in rule.arguments}

    def form(self, rule: Rule) -> dict[str, str]:
        """What the form of a route about a thing would send, so that it is the thing that is refused."""
        forms = {
            "approvals.approve": {"seen": "nothing"},
            "approvals.refuse": {"reason": "Too much."},
            "approvals.refuse_line": {f"line-{self.request_line_id}-comment": "Too much."},
            "cart.update": {"quantity": "60"},
            "inventory.adjust": {f"p{self.location_id}-reason": "found", f"p{self.location_id}-pieces": "3"},
            "locations.change": {"name": "Mine", "kind": "shop", "district": "Dhaka"},
            "order_lists.move_line": {"to": "top"},
            "order_lists.rename": {"name": "Monday"},
            "order_lists.set_quantities": {f"quantity-{self.list_line_id}": "60"},
            "orders.keep_as_list": {"name": "Monday"},
            "batches.change": {"code": "B-2", "expires_on": "2030-01-31"},
            "batches.correct": {"location_id": str(self.location_id), "seen": "7", "pieces": "6"},
            "counts.add": {"sku": "JUTE-BAG"},
            "counts.save_entry": {f"count-{self.variant_id}": "5"},
            "counts.save_lines": {f"count-{self.variant_id}": "5"},
            "imports.apply": {"mode": "valid"},
            "organizations.address": ADDRESS,
            "organizations.hand_over": {"share": "no"},
            "organizations.person": {"role": "viewer"},
            "orders.cancel_pieces": {"cancel-reason": "We ordered twice."},
            "orders.cancel_purchase": {"reason": "We ordered twice."},
            "papers.ask": {"kind": "order_confirmation"},
            "orders.move": {"to": "cancelled", "reason": "We ordered twice."},
            "purchasing.answer_offer": {"answer": "kept"},
            "products.set_state": {"state": "archived"},
            "products.set_states": {"state": "archived"},
            "pricing.add_list_buyer": {"organization_id": str(self.buyer_id), "words": "Amina Store"},
            "pricing.change_price_list": {"name": "Mine", "valid_from": "2026-11-01", "version": "1"},
            "payments.record": {"amount": "1", "reference": "BANK-1"},
            "payments.refund": {"amount": "1", "reference": "BANK-2", "key": "1"},
            "payments.refund_paid": {"reference": "BANK-3"},
            "payments.give_cash_back": {"amount": "1", "key": "1"},
            "replenishment.note": {"note": "Ask Karim."},
            "replenishment.take_level": {"level": "20"},
            "returns.decide": {"verdict": "refuse", "answer": "Worn."},
            "returns.refuse_at_door": {"reason": "Nobody there."},
            "returns.allow": {"reason": "Late."},
            "second_factor.rename_passkey": {"name": "My phone"},
            "verification.decide": {"verdict": "rejected", "reason": "Not a licence."},
            "verification.partnership": {"partner-accepted": "yes"},
            "verification.waive": {"waiver-kind": "tax_number", "waiver-reason": "Known to us."},
        }
        return forms.get(rule.endpoint, {})

    def url(self, rule: Rule) -> str:
        with self.app.test_request_context():
            return url_for(rule.endpoint, **self.values(rule))

    def stranger(self, role: str) -> HouseClient:
        """A fresh browser of somebody of that role who has no part in the things."""
        return self._browser(self.strangers[role])

    def owner(self, name: str) -> HouseClient:
        return self._browser(self.owners[name])

    def _browser(self, token: str) -> HouseClient:
        client = self.app.test_client()
        assert isinstance(client, HouseClient)
        return client.login(token) if token else client

    @contextmanager
    def undone(self) -> Iterator[None]:
        """What the block changes is taken back, so that every request meets the same world."""
        connection = db.session.get_bind()
        db.session.remove()
        point = connection.begin_nested()  # type: ignore[union-attr]  # a test's engine is one connection
        try:
            yield
        finally:
            db.session.remove()
            point.rollback()


def build(app: Flask, cast: Cast) -> World:
    """Amina has ordered by bank transfer and has something in her cart, and Babul asks her for approval; Hasna has
    sent her papers."""
    product = catalog.product(cast.trader)
    amina = accounts.actor(cast.amina)
    [order] = orders.placed(amina, {product: 100}, payment="bank_transfer")
    cart.put(actor=amina, variant_id=catalog.variants_of(product)[0], quantity=50)
    line = db.session.query(CartLine).filter_by(user_id=cast.amina.id).one()
    list_id = lists.keep_cart(actor=amina, name="Every week")
    approvals.limit(cast.babul, cast.shop, "1000")
    request = approvals.asked(accounts.actor(cast.babul), {product: 10})
    hasna = accounts.user("Hasna")
    organizations.business("Hasna Store", verified=False, members={hasna: "owner"})
    db.session.commit()
    case = verification.submitted(hasna)
    entry_id = audit.noted(accounts.actor(cast.esha), cast.shop.id)
    dead = OutboxRow(event="OrderPlaced", handler="gone", payload={}, dead_at=order.placed_at)
    failed = OutgoingMessage(
        channel="mail", key="old", recipient="a@b.example", template="x", language="en", subject="", state="failed"
    )
    ready = clock.now()
    download = DataDownload(
        user_id=cast.amina.id, ready_at=ready, expires_at=ready + timedelta(days=7), file_key="none", size=1
    )
    file = ImportRun(
        organization_id=cast.trader.id, user_id=cast.dipu.id, file_name="goods.csv", file_size=1, file_key=None,
        state="mapping",
    )  # fmt: skip
    key = files.storage().put(b"PK", "application/octet-stream").key
    workbook = CatalogueExport(organization_id=cast.trader.id, user_id=cast.dipu.id, ready_at=ready, file_key=key)
    table_of_orders = OrderExport(
        organization_id=cast.shop.id, side="buyer", user_id=cast.amina.id, kind="csv", filters={}, language="en",
        ready_at=ready, file_key=key,
    )  # fmt: skip
    db.session.add_all([table_of_orders, dead, failed, download, file, workbook])
    alert = StockAlert(
        variant_id=catalog.variants_of(product)[0], seller_id=cast.trader.id, urgency=2, available=15, level=20,
        short=5, own_level=True,
    )  # fmt: skip
    db.session.add(alert)
    passkey = accounts.passkey(cast.amina)
    stranger_seller, new_seller = accounts.user("Farid"), accounts.user("Gita")
    member, viewer = accounts.user("Ibrahim"), accounts.user("Jahan")
    organizations.join(cast.other_shop, {member: "member", viewer: "viewer"})
    organizations.business("Farid Traders", kind="seller", members={stranger_seller: "owner"})
    organizations.business("Gita Traders", kind="seller", verified=False, members={new_seller: "owner"})
    dipu = accounts.actor(cast.dipu)
    purchase = db.session.get_one(Purchase, order.purchase_id)
    back = ReturnRequest(number="RET-2026-900001", order_id=order.id, user_id=cast.amina.id, note="")
    db.session.add(back)
    db.session.flush()
    torn = db.session.scalars(sa.select(OrderLine.id).where(OrderLine.order_id == order.id)).one()
    photo = ReturnPhoto(return_id=back.id, file_key=key, original_name="torn.jpg", media_type="image/jpeg", size=2)
    db.session.add_all([ReturnLine(return_id=back.id, line_id=torn, pieces=2, reason="damaged", words=""), photo])
    document = db.session.query(VerificationDocument).filter_by(case_id=case.id).one()
    preview = VerificationPreview(document_id=document.id, page=1, file_key=document.file_key, width=100, height=140)
    db.session.add(preview)
    db.session.commit()

    supplier = purchasing.supplier(cast.trader)
    ordered = purchasing.sent(supplier, product)
    offer_id = purchasing.offered(ordered)
    db.session.commit()

    def session(user: User | None) -> str:
        return "" if user is None else accounts.sign_in(user)

    world = World(
        app=app,
        strangers={
            table.VISITOR: session(None),
            table.NEW_BUYER: session(cast.newcomer),
            table.BUYER: session(cast.chandni),
            table.MEMBER: session(member),
            table.VIEWER: session(viewer),
            table.NEW_SELLER: session(new_seller),
            table.SELLER: session(stranger_seller),
            table.ADMIN: session(cast.esha),
            table.ACTING: acting.session(cast.esha, organizations.business("Rina Store")),
        },
        owners={"buyer": session(cast.amina), "seller": session(cast.dipu), "applicant": session(hasna)},
        slug=product.slug,
        order_number=order.number,
        purchase_number=purchase.number,
        line_id=line.id,
        case_id=case.id,
        document_id=document.id,
        preview_id=preview.id,
        dead_letter_id=dead.id,
        entry_id=entry_id,
        download_id=download.id,
        message_id=failed.id,
        passkey_id=passkey.id,
        address_id=organizations.address(cast.shop).id,
        invitation_id=organizations.invitation(cast.shop, cast.amina).id,
        amina_id=cast.amina.id,
        session_id=amina.session_id or 0,
        request_id=request.id,
        import_run_id=file.id,
        return_number=back.number,
        photo_id=photo.id,
        po_id=ordered.id,
        supplier_id=supplier.id,
        offer_id=offer_id,
        paper_id=paper.ask(actor=amina, number=order.number, kind="order_confirmation"),
        export_id=workbook.id,
        order_export_id=table_of_orders.id,
        request_line_id=db.session.scalars(sa.select(ApprovalLine.id)).one(),
        list_id=list_id,
        list_line_id=db.session.scalars(sa.select(OrderListLine.id)).one(),
        category_id=product.category_id,
        attribute_id=catalog.attribute(product.category_id).id,
        product_id=product.id,
        picture_id=catalog.picture(product).id,
        price_list_id=prices.price_list(dipu, cast.shop).id,
        change_id=prices.scheduled(dipu).id,
        buyer_id=cast.shop.id,
        alert_id=alert.id,
        variant_id=catalog.variants_of(product)[0],
        location_id=catalog.location_of(cast.trader.id).id,
        transfer_id=transfers.on_the_way(product).id,
        batch_id=batches.registered(product),
        count_id=counts.begun(product),
        rate_id=taxes.rate(),
        synonym_id=search.save_synonym(actor=SYSTEM, terms=["chal", "rice"]).id,
    )
    db.session.commit()
    return world


def routes(app: Flask) -> list[tuple[Rule, str]]:
    """Every route but the static files, once per method that does something."""
    return [
        (rule, method)
        for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, rule.endpoint))
        if rule.endpoint != "static"
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


def is_turned_away(response: TestResponse) -> bool:
    """Sent to the login, or told that this is not theirs to do."""
    login = response.headers.get("Location", "") + response.headers.get("HX-Redirect", "")
    return response.status_code in {401, 403} or (response.status_code in {204, 303} and "/login?" in login)
