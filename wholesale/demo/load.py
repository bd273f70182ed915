"""Loads the demonstration: people, businesses, goods, stock, and an order history that ends yesterday.

Everything but the copies is one transaction, so that a crash leaves nothing of it but files that no row knows. The
platform admin's login is the mark of a loaded demo. Businesses become verified, goods get their prices and stock, and
orders are placed by the product's own actions, at the times at which it would have happened.
"""

from __future__ import annotations

import io
from base64 import b32decode
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal, cast

import sqlalchemy as sa
from flask import current_app
from PIL import Image, ImageDraw, ImageFont
from werkzeug.datastructures import FileStorage

from wholesale.accounts.models import User
from wholesale.accounts.second_factor.actions import codes as second_factor
from wholesale.catalog import actions as catalog
from wholesale.catalog.models import Variant
from wholesale.config import Settings
from wholesale.demo import (
    copies,
    forecasts,
    history,
    purchasing,
    replenishment,
    shipped,
    staples,
    stock,
    taxes,
    transfers,
)
from wholesale.demo.history import Say
from wholesale.demo.shipped import BuyerRow, CategoryRow, Data, Party, ProductRow, SellerRow
from wholesale.inventory import actions as inventory
from wholesale.inventory.models import Stock
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor, OrganizationKind
from wholesale.kernel.errors import ConflictError, ForbiddenError
from wholesale.kernel.money import Money
from wholesale.organizations import actions as organizations
from wholesale.organizations.models import Membership, Organization, SellerTerms
from wholesale.platform import crypto, outbox
from wholesale.platform.db import db
from wholesale.platform.supervisor import DEMO_APP_SECRET, DEMO_PASSWORD
from wholesale.platform.transaction import transaction
from wholesale.pricing import actions as pricing
from wholesale.pricing.rules import Settlement
from wholesale.search import actions as search
from wholesale.verification import actions as verification
from wholesale.verification.models import VerificationCase

ADMIN = "admin@demo.example"
EXAMPLE_SELLER = "example"
CURRENCY = "BDT"
DEFAULT_COMMISSION = Decimal(8)
OPENING = "OPENING"
LOCK = 7_312_004  # any number: the same for every load, so that two do not run at once

# The worked examples' goods. No order of the history touches them.
TEA = CategoryRow("tea", "grocery", "Tea", "চা")
JUTE_BAG = ProductRow(
    sku="EX-JUTE-01",
    slug="example-jute-bag",
    name="Jute Bag",
    name_bn="পাটের ব্যাগ",
    category="bags",
    seller=EXAMPLE_SELLER,
    unit="piece",
    steps=((10, Decimal(145)), (50, Decimal(135)), (200, Decimal(120))),
    order_multiple=1,
    cost=Decimal(80),
    lead_time_days=3,
    description="A plain bag of woven jute with two handles, 40 × 35 cm. The worked example of tiers and shares.",
    stock=5000,
    reorder_level=500,
    reorder_quantity=2000,
)
TEA_500G = ProductRow(
    sku="EX-TEA-01",
    slug="example-tea-500g",
    name="Black Tea 500 g",
    name_bn="চা ৫০০ গ্রাম",
    category=TEA.slug,
    seller=EXAMPLE_SELLER,
    unit="pack",
    steps=((5, Decimal(125)), (20, Decimal(118)), (100, Decimal(110))),
    order_multiple=1,
    cost=Decimal(80),
    lead_time_days=5,
    description="Black tea from Sylhet in packs of 500 g. The worked example of a stock that runs low.",
    stock=15,
    reorder_level=20,
    reorder_quantity=100,
    supplier_moq=10,
)
EXAMPLES = (JUTE_BAG, TEA_500G)
# EX-2, for this product whatever its seller's other goods settle by.
JUTE_BAG_SHARES = Settlement("profit_share", platform_percent=Decimal(15), seller_percent=Decimal(20))


@dataclass(frozen=True)
class Applicant:
    """A business whose papers wait for the admin, sent so many hours ago."""

    party: Party
    kind: OrganizationKind
    hours_ago: int


APPLICANTS = (
    Applicant(
        Party(
            key="basket",
            name="Sample Basket Works",
            legal_name="Sample Basket Works (Demonstration)",
            owner_name="Rehana Sample",
            owner_email="basket@demo.example",
            district="Tangail",
            upazila="Tangail Sadar",
            address="19 Sample Weavers Road",
            phone="+8801700000301",
            trade_licence="DEMO-TL-000301",
            tax_no="9990000000301",
        ),
        "seller",
        75,
    ),
    Applicant(
        Party(
            key="mohona",
            name="Mohona Sample Store",
            legal_name="Mohona Sample Store (Demonstration)",
            owner_name="Mohona Sample",
            owner_email="mohona@demo.example",
            district="Khulna",
            upazila="Dumuria",
            address="Sample Ghat, Shop 4",
            phone="+8801700000302",
            trade_licence="DEMO-TL-000302",
            tax_no="9990000000302",
        ),
        "buyer",
        6,
    ),
)
_NEWBUYER_HOURS_AGO = 27
_PROGRESS = 200


def load(data: Data, *, say: Say) -> bool:
    """Load everything, then what copies are missing; False, and nothing changed, when all of it is there already.

    Raises ForbiddenError in production, where a published password must not open anything, and ConflictError
    while another load is running.
    """
    settings = cast("Settings", current_app.extensions["settings"])
    if settings.is_production:
        raise ForbiddenError("The demo has logins with a published password. It is never loaded in production.")
    with transaction():
        if not db.session.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(LOCK))):
            raise ConflictError("The demo is being loaded by another process. Wait until that has ended.")
        is_there = db.session.scalar(sa.select(User.id).where(User.email == ADMIN)) is not None
        if not is_there:
            _Loader(data, settings.time_zone, say).run()
    return bool(_copies(data, say)) or not is_there


def _copies(data: Data, say: Say) -> int:
    """Products beyond those that are shipped, after the rest is there: a million do not fit into one transaction."""
    if not data.copies:
        return 0
    with transaction():
        admin = db.session.scalars(sa.select(User).where(User.email == ADMIN)).one()
        user_id, founded = admin.id, admin.created_at
    made = copies.add(
        data.copies, [row.slug for row in (*staples.GOODS, *data.products)], founded=founded, user_id=user_id, say=say
    )
    if made:
        with transaction():
            say(f"Search: {search.make_vocabulary()} words")
    return made


class _Loader:
    """One load. Times: everything is founded two weeks before the first order and stocked in the week after."""

    def __init__(self, data: Data, zone: str, say: Say) -> None:
        more = (*EXAMPLES, *staples.SHOWN, *staples.GOODS)
        self.data = replace(data, categories=(*data.categories, TEA, staples.STAPLES), products=(*more, *data.products))
        self.say = say
        self.zone = zone
        self.now = clock.now()
        self.plan = history.plan(data, shipped.shifted(data.invoices, now=self.now, zone=zone), now=self.now)
        first = self.plan.invoices[0][0] if self.plan.invoices else self.now
        self.founded = min(first, self.now) - timedelta(days=14)
        self.expiry = clock.today(zone) + timedelta(days=365)
        self.today = clock.today(zone)
        self.password_hash = crypto.hash_password(DEMO_PASSWORD)
        self.categories: dict[str, int] = {}
        self.locations: dict[str, int] = {}
        self.sellers: dict[str, Actor] = {}
        self.buyers: dict[str, list[Actor]] = {}
        self.products: dict[str, int] = {}
        self.variants: dict[str, int] = {}

    def run(self) -> None:
        with clock.at(self.founded):
            admin = self._person(ADMIN, "Demo Admin", "+8801700000100", staff_role="admin")
            second_factor.give_app(user_id=admin.id, secret=b32decode(DEMO_APP_SECRET))
            self.admin = _actor(admin, None)
            self._categories()
        with outbox.background():
            self._businesses()
        with clock.at(self.founded + timedelta(days=2)):
            self._terms()
            self._goods()
        with clock.at(self.founded + timedelta(days=5)):
            first_goods = self._opening_stock()
        with outbox.background():
            buying = purchasing.Stage(self.sellers, self._costs(), self.variants)
            purchasing.load(buying, first_goods, at=self.founded + timedelta(days=12), say=self.say)
            stocked = {sku: row.stock for row in staples.GOODS for sku in row.skus}
            stock.load(stock.Stage(self.sellers, self.locations, self.variants), stocked, say=self.say)
        self.say(f"Orders: {len(self.plan.invoices)} purchases to place …")
        stage = history.Stage(self.admin, self.sellers, self.buyers, self.variants, self.data.by_sku)
        history.Replay(self.plan, stage, self.say).run()
        for terms in staples.SYNONYMS:
            search.save_synonym(actor=self.admin, terms=terms)
        self.say(f"Search: {search.make_vocabulary()} words")
        moved = next(row.skus[0] for row in self.data.products if row.seller == transfers.MOVER)
        mover = self.sellers[transfers.MOVER], self.locations[transfers.MOVER], self.variants[moved]
        transfers.load(*mover, reference=OPENING, say=self.say)
        forecasts.make(self.say)
        replenishment.load(self.say)  # last: what runs out follows from all that was loaded before

    # --- people and businesses ----------------------------------------------------------------------------

    def _person(self, email: str, name: str, phone: str, *, staff_role: str | None = None) -> User:
        """A person with the demo's one password, hashed once: that is slow on purpose."""
        made = User(
            email=email,
            name=name,
            phone=phone,
            password_hash=self.password_hash,
            staff_role=staff_role,
            email_confirmed_at=clock.now(),
            phone_confirmed_at=clock.now(),
        )
        db.session.add(made)
        db.session.flush()
        return made

    def _businesses(self) -> None:
        for seller in self.data.sellers:
            with clock.at(self.founded):
                actor = self._business(seller, "seller")
                self.locations[seller.key] = inventory.open_location(
                    organization_id=actor.acting_organization, name="Main warehouse", district=seller.district
                ).id
            self.sellers[seller.key] = self._approved(actor)
            if seller.key == EXAMPLE_SELLER:  # what is ordered of the worked examples is confirmed and invoiced at once
                db.session.get_one(Organization, actor.acting_organization).confirms_at_once = True
        for buyer in self.data.buyers:
            if buyer.verified:
                with clock.at(self.founded):
                    actor = self._business(buyer, "buyer")
                    people = [actor, *self._colleague(buyer, actor)]
                until = self._approved(actor).verified_until
                self.buyers[buyer.key] = [replace(person, verified_until=until) for person in people]
            else:
                with clock.at(self.now - timedelta(hours=_NEWBUYER_HOURS_AGO)):
                    self._business(buyer, "buyer")
        for applicant in APPLICANTS:
            with clock.at(self.now - timedelta(hours=applicant.hours_ago)):
                self._business(applicant.party, applicant.kind)
        self.say(f"Businesses: {len(self.sellers)} sellers and {len(self.buyers)} buyers verified")

    def _business(self, party: Party, kind: OrganizationKind) -> Actor:
        """A business with its owner, its address, and its papers on the admin's desk."""
        owner = self._person(party.owner_email, party.owner_name, party.phone)
        made = organizations.found_business(
            owner=owner,
            kind=kind,
            name=party.name,
            legal_name=party.legal_name,
            phone=party.phone,
            email=party.owner_email,
            trade_licence_no=party.trade_licence,
            tax_no=party.tax_no,
            currency=CURRENCY,
        )
        actor = replace(_actor(owner, made), today=self.today)
        organizations.add_address(
            actor=actor,
            contact_name=party.owner_name,
            phone=party.phone,
            line=party.address,
            area=party.upazila,
            district=party.district,
        )
        verification.submit_case(
            actor=actor,
            trade_licence_no=party.trade_licence,
            tax_no=party.tax_no,
            licence_expires_on=self.expiry,
            documents={"trade_licence": _licence(party, self.expiry)},
        )
        return actor

    def _colleague(self, buyer: BuyerRow, owner: Actor) -> Iterator[Actor]:
        if buyer.colleague_email:
            person = self._person(buyer.colleague_email, buyer.colleague_name, buyer.phone)
            db.session.add(Membership(organization_id=owner.acting_organization, user_id=person.id, role="member"))
            db.session.flush()
            yield replace(owner, user_id=person.id, name=person.name, email=person.email, role="member")

    def _approved(self, actor: Actor) -> Actor:
        """The admin approves the waiting case of the actor's business, a day after it was sent."""
        case_id = db.session.scalars(
            sa.select(VerificationCase.id).where(
                VerificationCase.organization_id == actor.organization_id, VerificationCase.state == "submitted"
            )
        ).one()
        with clock.at(self.founded + timedelta(days=1)):
            verification.decide(
                actor=self.admin, case_id=case_id, verdict="approved", licence_expires_on=self.expiry, partner=True
            )
        return replace(actor, verified_until=self.expiry, is_partner=actor.is_seller)

    def _terms(self) -> None:
        """What sellers ask per order, and how revenue is shared: the platform's rule, then each seller's."""
        general = Settlement("commission", commission_percent=DEFAULT_COMMISSION)
        pricing.set_settlement(actor=self.admin, settlement=general)
        for seller in self.data.sellers:
            seller_id = self.sellers[seller.key].acting_organization
            db.session.add(
                SellerTerms(
                    organization_id=seller_id,
                    delivery_fee=seller.delivery_fee,
                    free_delivery_from=seller.free_delivery_from,
                    minimum_order=seller.minimum_order,
                )
            )
            if (own := _settlement(seller)) != general:  # who shares as everybody does has no agreement of their own
                pricing.set_settlement(actor=self.admin, settlement=own, seller_id=seller_id)
        taxes.load(self.admin, self.categories, on=clock.today(self.zone))

    # --- goods --------------------------------------------------------------------------------------------

    def _categories(self) -> None:
        for position, row in enumerate(self.data.categories):
            self.categories[row.slug] = catalog.add_category(
                slug=row.slug,
                name=row.name,
                name_bn=row.name_bn,
                parent_id=self.categories[row.parent] if row.parent else None,
                position=position,
            ).id

    def _goods(self) -> None:
        total = len(self.data.products)
        for number, row in enumerate(self.data.products, start=1):
            product = catalog.add_product(
                seller_id=self.sellers[row.seller].acting_organization,
                category_id=self.categories[row.category],
                sku=row.sku,
                slug=row.slug,
                name=row.name,
                name_bn=row.name_bn,
                description=row.description,
                unit=row.unit,
                moq=row.moq,
                order_multiple=row.order_multiple,
                cost=row.cost,
                currency=CURRENCY,
                lead_time_days=row.lead_time_days,
                reorder_level=row.reorder_level,
                reorder_quantity=row.reorder_quantity,
                supplier_moq=row.supplier_moq,
                variants=[(sku, name) for sku, name, _surcharge in row.variants],
            )
            self._details(product.id, row)
            pricing.set_tiers(
                product=product, tiers=[(quantity, Money(price, CURRENCY)) for quantity, price in row.steps]
            )
            for position, photo in enumerate(row.photos):
                catalog.add_picture(
                    product_id=product.id, position=position, data=shipped.photo(photo), is_prepared=True
                )
            if row is JUTE_BAG:
                pricing.set_settlement(actor=self.admin, settlement=JUTE_BAG_SHARES, product_id=product.id)
            self.products[row.sku] = product.id
            if number % _PROGRESS == 0 or number == total:
                self.say(f"Products: {number} of {total} …")
        self.variants = dict(
            db.session.execute(
                sa.select(Variant.sku, Variant.id).where(Variant.product_id.in_(self.products.values()))
            ).all()
        )

    def _details(self, product_id: int, row: ProductRow) -> None:
        """The barcode and what single variants cost more."""
        of = sa.update(Variant).where(Variant.product_id == product_id)
        if row.barcode:
            db.session.execute(of.values(barcode=row.barcode))
        for sku, _name, surcharge in row.variants:
            if surcharge:
                db.session.execute(of.where(Variant.sku == sku).values(surcharge=surcharge))

    def _costs(self) -> dict[str, list[tuple[str, Decimal]]]:
        """Each seller's goods by SKU, with what one costs them."""
        costs: defaultdict[str, list[tuple[str, Decimal]]] = defaultdict(list)
        for row in self.data.products:
            costs[row.seller] += [(sku, row.cost) for sku in row.skus]
        return costs

    def _opening_stock(self) -> list[str]:
        """What must have been there at first, so that today's stock is left after the history.

        Of some goods a part comes by purchase orders afterwards: their SKUs.
        """
        arriving: defaultdict[str, dict[int, int]] = defaultdict(dict)
        for row in self.data.products:
            for sku in row.skus:
                arriving[row.seller][self.variants[sku]] = row.stock + self.plan.taken.get(sku, 0)
        opening = {sku: arriving[row.seller][self.variants[sku]] for row in self.data.products for sku in row.skus}
        bought = purchasing.bought(self._costs(), opening)
        for sku in bought:
            arriving[purchasing.BUYER][self.variants[sku]] -= purchasing.BOUGHT
        for seller, quantities in arriving.items():
            inventory.receive(
                actor=self.sellers[seller],
                location_id=self.locations[seller],
                quantities={variant: quantity for variant, quantity in quantities.items() if quantity},
                reference=OPENING,
            )
            # Sold out before the history began: nothing ever arrived, but the shelf is there.
            empty = [variant for variant, quantity in quantities.items() if not quantity]
            db.session.add_all(Stock(variant_id=variant, location_id=self.locations[seller]) for variant in empty)
        db.session.flush()
        return bought


def _actor(person: User, business: Organization | None) -> Actor:
    """Who a request of this person would come from."""
    return Actor(
        user_id=person.id,
        name=person.name,
        email=person.email,
        staff_role=person.staff_role,
        organization_id=business.id if business else None,
        organization_name=business.name if business else "",
        kind=cast("OrganizationKind", business.kind) if business else None,
        role="owner" if business else None,
    )


def _settlement(seller: SellerRow) -> Settlement:
    return Settlement(
        model=cast("Literal['profit_share', 'commission']", seller.model),
        platform_percent=seller.platform_percent,
        seller_percent=seller.seller_percent,
        commission_percent=seller.commission_percent,
    )


def _licence(party: Party, expiry: date) -> FileStorage:
    """A picture of a document that nobody can take for a real one."""
    sheet = Image.new("RGB", (900, 640), "white")
    draw = ImageDraw.Draw(sheet)
    draw.rectangle((20, 20, 879, 619), outline="#666666", width=3)
    draw.text((450, 90), "Demonstration trade licence", fill="black", anchor="mm", font=ImageFont.load_default(44))
    draw.text((450, 140), "not a real document", fill="#aa0000", anchor="mm", font=ImageFont.load_default(24))
    facts = (
        ("Business", party.legal_name),
        ("Owner", party.owner_name),
        ("Address", f"{party.address}, {party.upazila}, {party.district}"),
        ("Licence number", party.trade_licence),
        ("BIN", party.tax_no),
        ("Valid until", f"{expiry:%d %B %Y}"),
    )
    font = ImageFont.load_default(24)
    for row, (label, text) in enumerate(facts):
        draw.text((70, 220 + 60 * row), label, fill="#666666", font=font)
        draw.text((290, 220 + 60 * row), text, fill="black", font=font)
    out = io.BytesIO()
    sheet.save(out, "PNG", compress_level=1)
    out.seek(0)
    return FileStorage(out, filename="trade-licence.png")
