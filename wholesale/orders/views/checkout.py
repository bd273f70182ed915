"""The checkout: each step has an address of its own and survives reload and the back button."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flask import Blueprint, Response, request
from flask_babel import gettext as _

from wholesale.cart import queries as cart_queries
from wholesale.cart.rules import Cart
from wholesale.kernel.errors import ConflictError, HouseError
from wholesale.orders import actions, queries, rules
from wholesale.orders.approval import actions as approval
from wholesale.orders.approval import queries as approvals
from wholesale.orders.approval.rules import excess
from wholesale.orders.forms import ChooseAddressForm, DeliveryForm, PaymentForm, PlaceForm
from wholesale.organizations import actions as organization_actions
from wholesale.organizations import queries as organizations
from wholesale.organizations.forms import AddressForm
from wholesale.platform.access import ORDERING_BUYER, VERIFIED_BUYER, access, actor
from wholesale.platform.htmx import done, show
from wholesale.platform.i18n import sentence
from wholesale.platform.idempotency import OTHERS
from wholesale.platform.transaction import abandon

T = TypeVar("T")

bp = Blueprint("checkout", __name__, url_prefix="/checkout")


def _cart() -> Cart | None:
    """The cart when it can be checked out; None sends its owner back to it."""
    cart = cart_queries.contents(actor())
    return cart if cart.orderable else None


def _to_cart() -> Response:
    return done("cart.show", _("Something in your cart needs your attention first."))


@bp.get("")
@access(ORDERING_BUYER)
def begin() -> Response:
    """To the first step that is not done, or to the review."""
    checkout = queries.checkout(actor())
    step = rules.missing_step(
        has_address=checkout is not None and checkout.address_id is not None,
        has_delivery=checkout is not None and bool(checkout.delivery),
        has_payment=checkout is not None and checkout.payment_method is not None,
    )
    return done(f"checkout.{step or 'review'}")


@bp.get("/address")
@access(ORDERING_BUYER)
def address() -> Response:
    return _address_page(_choose_form(), AddressForm())


def _choose_form() -> ChooseAddressForm:
    known = organizations.addresses(actor())
    checkout = queries.checkout(actor())
    chosen = checkout.address_id if checkout else None
    return ChooseAddressForm(known, data={"address_id": chosen or (known[0].id if known else None)})


def _address_page(choose: ChooseAddressForm, new: AddressForm) -> Response:
    cart = _cart()
    if cart is None:
        return _to_cart()
    status = max(choose.status, new.status)
    return show("orders/checkout_address.html", status, cart=cart, choose=choose, new=new)


@bp.post("/address")
@access(ORDERING_BUYER)
def choose_address() -> Response:
    form = ChooseAddressForm(organizations.addresses(actor()))
    if form.accept(lambda: actions.choose_address(actor=actor(), address_id=form.address_id.data)):
        return done("checkout.delivery")
    return _address_page(form, AddressForm(formdata=None))


@bp.post("/addresses")
@access(ORDERING_BUYER)
def add_address() -> Response:
    """A new address, chosen at once."""
    form = AddressForm()

    def add() -> None:
        added = organization_actions.add_address(actor=actor(), **form.values)
        actions.choose_address(actor=actor(), address_id=added.id)

    if form.accept(add):
        return done("checkout.delivery")
    return _address_page(_choose_form(), form)


@bp.get("/delivery")
@access(ORDERING_BUYER)
def delivery() -> Response:
    checkout = queries.checkout(actor())
    return _delivery_page(dict(checkout.delivery) if checkout else {})


def _delivery_page(chosen: dict[str, str], form: DeliveryForm | None = None) -> Response:
    cart = _cart()
    if cart is None:
        return _to_cart()
    form = form or DeliveryForm([group.seller_id for group in cart.groups], data=chosen)
    return show("orders/checkout_delivery.html", form.status, cart=cart, form=form)


@bp.post("/delivery")
@access(ORDERING_BUYER)
def choose_delivery() -> Response:
    cart = _cart()
    if cart is None:
        return _to_cart()
    form = DeliveryForm([group.seller_id for group in cart.groups])
    if form.accept(lambda: actions.choose_delivery(actor=actor(), methods=form.methods())):
        return done("checkout.payment")
    return _delivery_page({}, form)


@bp.get("/payment")
@access(ORDERING_BUYER)
def payment() -> Response:
    wishes = queries.wishes(actor())
    return _payment_page(PaymentForm(formdata=None, data=wishes), wishes.get("po_file_name"))


def _payment_page(form: PaymentForm, file_name: str | None) -> Response:
    cart = _cart()
    if cart is None:
        return _to_cart()
    given = form.kept.name if form.kept else file_name
    return show("orders/checkout_payment.html", form.status, cart=cart, form=form, given=given)


@bp.post("/payment")
@access(ORDERING_BUYER)
def choose_payment() -> Response:
    form = PaymentForm()

    def choose() -> None:
        actions.choose_payment(
            actor=actor(),
            method=form.payment_method.data,
            buyer_reference=form.buyer_reference.data or "",
            note=form.note.data or "",
            instructions=form.instructions.data or "",
            if_short=form.if_short.data,
            po_file=form.po_file.data,
            drop_file=form.drop_file.data,
        )

    if form.accept(choose):
        return done("checkout.review")
    form.keep_file()
    return _payment_page(form, queries.wishes(actor()).get("po_file_name"))


@bp.get("/review")
@access(ORDERING_BUYER)
def review() -> Response:
    return _review_page()


def _review_page(status: int = 200, problem: HouseError | None = None) -> Response:
    """Everything once more, as it is now. `problem` says why placing was refused; then also what is different."""
    checkout = queries.checkout(actor())
    if checkout is None or checkout.address_id is None or checkout.payment_method is None or not checkout.delivery:
        return done("checkout.begin")
    cart = cart_queries.contents(actor())
    if cart.is_empty or (not cart.orderable and problem is None):
        return _to_cart()
    cost = actions.bill(cart, checkout.delivery)
    standing = approvals.own_standing(actor())
    above = excess(standing.role, standing.limit, cost.total)
    now = actions.seen(cart, cost, standing.limit)
    before = rules.Seen.unpacked(request.form.get("shown", ""), cost.total.currency) if problem is not None else None
    different = rules.differences(before, now) if before is not None else []
    form = PlaceForm(
        formdata=None, data={"key": checkout.key, "seen": actions.agreed(cart, checkout, cost), "shown": now.packed()}
    )
    return show(
        "orders/checkout_review.html",
        409 if different else status,
        cart=cart,
        checkout=checkout,
        bill=cost,
        above=above,
        approvers=approvals.approvers(actor()) if above else [],
        address=organizations.address(actor(), checkout.address_id),
        form=form,
        different=different,
        problem=sentence(problem) if problem else None,
    )


@bp.post("/review")
@access(ORDERING_BUYER)
def place() -> Response:
    """Place the order: once, whatever the network does."""
    number = _send(
        lambda: actions.place_order(actor=actor(), key=request.form.get("key", ""), seen=request.form.get("seen", ""))
    )
    return number if isinstance(number, Response) else done("checkout.confirmation", number=number)


@bp.post("/approval")
@access(ORDERING_BUYER)
def ask_approval() -> Response:
    """Send the cart, which is above the person's limit, to those who approve."""
    asked = _send(
        lambda: approval.ask(actor=actor(), key=request.form.get("key", ""), seen=request.form.get("seen", ""))
    )
    if isinstance(asked, Response):
        return asked
    return done("approvals.show", _("Your request is sent. You get a letter when it is decided."), request_id=asked)


def _send(action: Callable[[], T]) -> T | Response:
    """What the action answers; where it refuses, the review as it is now.

    A form that was sent already, and with other contents, is told so on a page of its own: after the first one there is
    nothing to review.
    """
    try:
        return action()
    except HouseError as problem:
        abandon()
        if problem.message == OTHERS:
            raise
        status = 409 if isinstance(problem, ConflictError) else 422
        return _review_page(status, problem)


@bp.get("/confirmation/<number>")
@access(VERIFIED_BUYER)
def confirmation(number: str) -> Response:
    purchase = queries.purchase(actor(), number)
    due, way = queries.due(purchase), rules.known_way(purchase.payment_method)
    instructions = way.instructions(purchase.number, due) if way is not None and not due.is_zero else None
    return show("orders/confirmation.html", purchase=purchase, due=due, instructions=instructions)
