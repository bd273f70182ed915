"""Changing many prices at once: choose, look, confirm exactly that; and what was confirmed before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from flask import Response, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from wholesale.catalog import queries as catalog
from wholesale.catalog import rules as categories
from wholesale.kernel import clock
from wholesale.kernel.errors import ConflictError, DomainError
from wholesale.platform import htmx, i18n
from wholesale.platform.access import SELLS, access, actor
from wholesale.platform.fields import choice
from wholesale.platform.htmx import done, show
from wholesale.pricing import rules
from wholesale.pricing.actions import changes as actions
from wholesale.pricing.forms import ChangeForm
from wholesale.pricing.queries import changes as queries
from wholesale.pricing.queries.offers import zone
from wholesale.pricing.rules.changes import pause
from wholesale.pricing.views.blueprint import bp


@bp.get("/seller/prices/changes")
@access(SELLS)
def price_changes() -> Response:
    """The form, its preview once it is filled in, and the changes made before."""
    return _page(request.args if "percent" in request.args else None)


@bp.post("/seller/prices/changes")
@access(SELLS)
def confirm_price_change() -> Response:
    """Do exactly what was previewed."""
    form, roots = _form(request.form)
    made = None
    try:
        made = form.submit(
            lambda: actions.confirm(
                actor=actor(),
                change=_change(form, roots),
                seen=request.form.get("seen", ""),
                category_id=_category_id(form, roots),
            )
        )
    except ConflictError as changed:
        form.refuse(DomainError(changed.message))
    if made is not None:
        said = _("The prices are changed as you saw.")
        if made.starts_at > clock.now():
            said = _("The prices will change on %(day)s.", day=i18n.day(form.starts_on.data))
        if made.state == "waiting":
            said = _("The prices are being changed as you saw. With so many it takes a minute; look here again.")
        return done("pricing.price_changes", said, made=made.id)
    return _page(request.form, form)


@bp.get("/seller/prices/changes/<int:change_id>")
@access(SELLS)
def price_change(change_id: int) -> Response:
    """How far a change is, for the list of them, which asks again by itself; as a page it is that list."""
    change = queries.one(actor(), change_id)
    if not htmx.current().is_fragment:
        there = url_for("pricing.price_changes", made=change_id)
        return htmx.vary(cast("Response", redirect(there, 303)), partial=False)
    looks = request.args.get("looks", 0, type=int)
    return htmx.respond(
        "pricing/price_changes.html",
        "pricing/_change.html",
        change=change,
        progress=actions.progress_of(change_id),
        looks=looks,
        pause=pause(looks),
    )


@bp.post("/seller/prices/changes/<int:change_id>/restart")
@access(SELLS)
def retry_price_change(change_id: int) -> Response:
    """Have what was given up tried once more."""
    try:
        actions.retry(actor=actor(), change_id=change_id)
    except DomainError as error:
        form = ChangeForm(None)
        form.refuse(error)
        return _page(None, form)
    return done("pricing.price_changes", _("It is tried again. Look here in a minute."), made=change_id)


@bp.post("/seller/prices/changes/<int:change_id>/cancellation")
@access(SELLS)
def cancel_price_change(change_id: int) -> Response:
    form = ChangeForm(None)
    try:
        actions.cancel(actor=actor(), change_id=change_id)
    except DomainError as error:
        form.refuse(error)
        return _page(None, form)
    return done("pricing.price_changes", _("The change is cancelled."))


def _page(data: MultiDict[str, str] | None, refused: ChangeForm | None = None) -> Response:
    form, roots = _form(data)
    if refused is not None:
        form = refused
        form.category.choices = _choices(roots)
    page = "1" if data is None else data.get("page", "1")
    preview = None
    if data is not None and (refused is None or refused.form_errors):
        checked, _roots = _form(data)
        preview = checked.submit(
            lambda: _preview(checked, roots, int(page) if page.isdecimal() and len(page) < 7 else 1)  # noqa: PLR2004
        )
        if refused is None:
            form = checked
    return show(
        "pricing/price_changes.html",
        form.status,
        form=form,
        preview=preview,
        confirmed=queries.confirmed(actor()),
        progress_of=actions.progress_of,
        made_first="made" in request.args,
    )


def _form(data: MultiDict[str, str] | None) -> tuple[ChangeForm, tuple[categories.Node, ...]]:
    roots = catalog.categories()
    form = ChangeForm(data)
    form.category.choices = _choices(roots)
    return form, roots


def _choices(roots: Iterable[categories.Node], depth: int = 0) -> list[Any]:
    found: list[Any] = [] if depth else [choice("", _("All my products"))]
    for node in roots:
        found += [choice(node.slug, "– " * depth + node.name), *_choices(node.children, depth + 1)]
    return found


def _category_id(form: ChangeForm, roots: Iterable[categories.Node]) -> int | None:
    node = categories.find(roots, form.category.data) if form.category.data and not form.sku.data else None
    return node.id if node else None


def _change(form: ChangeForm, roots: Iterable[categories.Node]) -> rules.Change:
    node = categories.find(roots, form.category.data) if form.category.data and not form.sku.data else None
    product_id = queries.product_by_sku(actor(), form.sku.data) if form.sku.data else None
    if form.sku.data and product_id is None:
        raise DomainError("You have no product with this SKU.", field="sku")
    if form.percent.data < 0:
        raise DomainError("Enter by how many per cent the prices change.", field="percent")
    today = clock.today(zone())
    starts = form.starts_on.data
    change = rules.Change(
        percent=form.percent.data if form.direction.data == "up" else -form.percent.data,
        rounding=form.rounding.data,
        direction=form.mode.data,
        category_ids=tuple(node.ids) if node else None,
        product_id=product_id,
        starts_on=None if starts == today else starts,
        ends_on=form.ends_on.data,
    )
    rules.check_change(change, today=today)
    return change


def _preview(form: ChangeForm, roots: Iterable[categories.Node], page: int) -> queries.Preview:
    return queries.preview(actor().acting_organization, _change(form, roots), page)
