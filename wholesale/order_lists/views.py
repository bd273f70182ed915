"""The lists and favourites of a business that buys."""

from __future__ import annotations

from flask import Blueprint, Response, flash, make_response, redirect, request
from flask_babel import gettext as _

from wholesale.cart.quick import shown
from wholesale.order_lists import actions, queries
from wholesale.order_lists.forms import AddForm, ListForm, MarkForm, MoveForm, NameForm, QuantitiesForm
from wholesale.platform.access import ORDERING_BUYER, VERIFIED_BUYER, access, actor
from wholesale.platform.htmx import current, done, respond, show
from wholesale.platform.resume import local_path

bp = Blueprint("order_lists", __name__)


def _key(name: str) -> int | None:
    """The key in the address at which a page begins; nonsense begins at the beginning."""
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 18 else None  # noqa: PLR2004 - a bigint


@bp.get("/lists")
@access(VERIFIED_BUYER)
def overview() -> Response:
    return _overview(ListForm(formdata=None))


def _overview(form: ListForm | NameForm | AddForm) -> Response:
    who = actor()
    return show(
        "order_lists/overview.html",
        form.status,
        lists=queries.lists(who),
        favourites=queries.favourite_count(who),
        form=form if isinstance(form, ListForm) else ListForm(formdata=None, name=form.name.data),
        refused=form,
        adding=form if isinstance(form, AddForm) else None,
    )


@bp.post("/lists")
@access(ORDERING_BUYER)
def create() -> Response:
    form = ListForm()
    made = form.submit(lambda: actions.create(actor=actor(), name=form.name.data or "", shared=form.shared.data))
    if made is not None:
        return done("order_lists.show_list", _("The list is there. Add goods to it from their pages."), list_id=made)
    return _overview(form)


@bp.post("/lists/cart")
@access(ORDERING_BUYER)
def keep_cart() -> Response:
    """Keep this cart as a list."""
    form = NameForm()
    made = form.submit(lambda: actions.keep_cart(actor=actor(), name=form.name.data or ""))
    if made is not None:
        return done("order_lists.show_list", _("Your cart is kept as this list."), list_id=made)
    return _overview(form)


@bp.post("/lists/lines")
@access(ORDERING_BUYER)
def add() -> Response:
    """Put goods on a list, or on a new one."""
    form = AddForm()
    made = form.submit(
        lambda: actions.add(
            actor=actor(),
            list_id=form.chosen,
            name=form.name.data or "",
            variant_id=form.variant_id.data,
            quantity=form.quantity.data,
        )
    )
    if made is not None:
        return done("order_lists.show_list", _("It is on the list."), list_id=made)
    return _overview(form)


@bp.get("/lists/<int:list_id>")
@access(VERIFIED_BUYER)
def show_list(list_id: int) -> Response:
    return _list(list_id, QuantitiesForm(formdata=None), NameForm(formdata=None))


def _list(list_id: int, form: QuantitiesForm, naming: NameForm) -> Response:
    found = queries.found(actor(), list_id)
    priced = queries.priced(actor(), list_id)
    lines, following = queries.page_of(priced, _key("after"))
    return show(
        "order_lists/list.html",
        max(form.status, naming.status),
        found=found,
        priced=priced,
        lines=lines,
        following=following,
        first=_key("after") is None,
        form=form,
        naming=naming,
    )


@bp.post("/lists/<int:list_id>/name")
@access(ORDERING_BUYER)
def rename(list_id: int) -> Response:
    form = NameForm()
    if form.accept(lambda: actions.rename(actor=actor(), list_id=list_id, name=form.name.data or "")):
        return done("order_lists.show_list", _("The list has its new name."), list_id=list_id)
    return _list(list_id, QuantitiesForm(formdata=None), form)


@bp.post("/lists/<int:list_id>/sharing")
@access(ORDERING_BUYER)
def share(list_id: int) -> Response:
    actions.share(actor=actor(), list_id=list_id)
    return done("order_lists.show_list", _("Everybody in your business sees this list now."), list_id=list_id)


@bp.post("/lists/<int:list_id>/removal")
@access(ORDERING_BUYER)
def remove(list_id: int) -> Response:
    actions.remove(actor=actor(), list_id=list_id)
    return done("order_lists.overview", _("The list is gone."))


@bp.post("/lists/<int:list_id>/quantities")
@access(ORDERING_BUYER)
def set_quantities(list_id: int) -> Response:
    form = QuantitiesForm()
    queries.found(actor(), list_id)
    if form.accept(lambda: actions.set_quantities(actor=actor(), list_id=list_id, quantities=form.quantities())):
        return done("order_lists.show_list", _("The quantities are saved."), list_id=list_id, after=_key("after"))
    return _list(list_id, form, NameForm(formdata=None))


@bp.post("/lists/<int:list_id>/lines/<int:line_id>/removal")
@access(ORDERING_BUYER)
def remove_line(list_id: int, line_id: int) -> Response:
    actions.remove_line(actor=actor(), list_id=list_id, line_id=line_id)
    return done("order_lists.show_list", _("It was taken off the list."), list_id=list_id)


@bp.post("/lists/<int:list_id>/lines/<int:line_id>/place")
@access(ORDERING_BUYER)
def move_line(list_id: int, line_id: int) -> Response:
    """Let a line go up, down, or to the top."""
    form = MoveForm()
    actions.move_line(actor=actor(), list_id=list_id, line_id=line_id, to=form.to.data or "")
    return done("order_lists.show_list", list_id=list_id, after=_key("after"))


@bp.post("/lists/<int:list_id>/cart")
@access(ORDERING_BUYER)
def order(list_id: int) -> Response:
    """Put all of the list into the cart."""
    wanted = queries.wanted(actor(), list_id)
    return shown.answer(actions.order(actor=actor(), list_id=list_id), wanted)


@bp.get("/lists/favourites")
@access(VERIFIED_BUYER)
def favourites() -> Response:
    before = _key("before")
    marked, following = queries.favourites(actor(), before)
    return show("order_lists/favourites.html", marked=marked, following=following, first=before is None)


@bp.post("/products/<slug>/favourite")
@access(ORDERING_BUYER)
def mark(slug: str) -> Response:
    """Let a product be a favourite, or not."""
    form = MarkForm()
    marked = form.marked.data == "yes"
    actions.mark(actor=actor(), slug=slug, marked=marked)
    listed = local_path(form.back.data) or ""
    if current().is_fragment:
        return respond(
            "order_lists/favourites.html", "order_lists/_favourite.html", slug=slug, favourite=marked, back=listed
        )
    said = _("It is a favourite now.") if marked else _("It is no favourite any more.")
    if form.back.data == "favourites":
        return done("order_lists.favourites", said)
    if listed:
        flash(said)
        return make_response(redirect(f"{listed}#order_lists-favourite-{slug}", 303))
    return done("pages.product", said, slug=slug)
