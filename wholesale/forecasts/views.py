"""Forecasts for those who keep the goods: sellers their own, the platform's staff all."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from flask import Blueprint, Response, request
from flask_babel import gettext as _

from wholesale.forecasts import actions, queries, screens
from wholesale.forecasts.forms import LEVELS, KeepForm, OverrideForm
from wholesale.forecasts.rules import stock
from wholesale.platform import htmx
from wholesale.platform.access import MANAGES_PRODUCTS, SELLING, SELLS, STAFF, access, actor

bp = Blueprint("forecasts", __name__)

_ID = f"<int(max={2**63 - 1}):variant_id>"
_LONGEST_KEY = 60

bp.add_app_template_filter(screens.in_words, "pieces")
bp.add_app_template_filter(screens.of_hundred, "of_hundred")
bp.add_app_template_filter(screens.method, "forecast_method")


def may_change() -> bool:
    """Whether the actor changes forecasts, or only looks at them."""
    return MANAGES_PRODUCTS.allows(actor())


# --- the list ---------------------------------------------------------------------------------------------


@bp.get("/seller/forecasts")
@access(SELLING)
def overview() -> Response:
    """What is expected of the seller's goods; staff have a list of everybody's."""
    return htmx.done("forecasts.everybodys") if actor().is_staff else _list()


@bp.get("/admin/forecasts")
@access(STAFF)
def everybodys() -> Response:
    """The same of every seller's goods."""
    return _list()


def _list(form: KeepForm | None = None) -> Response:
    sort = request.args.get("sort", "")
    filters = queries.Filters(
        q=request.args.get("q", "").replace("\0", "").strip()[: queries.MAX_QUERY],
        sort=sort if sort in queries.SORTS else queries.SORTS[0],
        overridden=request.args.get("overridden") == "yes",
    )
    after = _cursor(request.args.get("after", ""))
    named = {"q": filters.q, "sort": sort, "overridden": "yes" if filters.overridden else ""}
    page = queries.page(actor(), filters, after=after)
    return htmx.respond(
        "forecasts/forecasts.html",
        "forecasts/_forecasts.html",
        form.status if form else 200,
        page=page,
        filters=filters,
        first=after is None,
        kept={name: value for name, value in named.items() if value},
        after=f"{page.after[0]}:{page.after[1]}" if page.after else None,
        endpoint="forecasts.everybodys" if actor().is_staff else "forecasts.overview",
        form=form or (_keep_form(None) if actor().may_sell else None),
    )


def _cursor(text: str) -> tuple[Decimal, int] | None:
    """Where a page begins; nonsense is the first one."""
    value, _colon, key = text[:_LONGEST_KEY].partition(":")
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    fits = key.isascii() and key.isdecimal() and int(key) < 2**63 and number.is_finite() and abs(number) < 10**12
    return (number, int(key)) if fits else None


@bp.post("/seller/forecasts/setting")
@access(SELLS)
def keep_all() -> Response:
    """How well all of the seller's goods are to be kept."""
    form = KeepForm()
    if form.accept(
        lambda: actions.keep(
            actor=actor(), variant_id=None, service_percent=form.service_percent, review_days=form.review_days.data
        )
    ):
        return htmx.done("forecasts.overview", _("Saved. Reorder levels follow it from now on."))
    return _list(form)


def _keep_form(seller_id: int | None, variant_id: int | None = None) -> KeepForm:
    """The form as things are kept now: the variant, else the seller's goods, else as is usual."""
    whose = seller_id if seller_id is not None else actor().acting_organization
    found = queries.setting(whose, variant_id) if variant_id is not None else None
    found = found or queries.setting(whose)
    if found is None:
        return KeepForm(None, review_days=stock.REVIEW_DAYS)
    percent = f"{found.service_percent.normalize():f}"
    return KeepForm(None, service=percent if percent in LEVELS else "95", review_days=found.review_days)


# --- a variant's page -------------------------------------------------------------------------------------


@bp.get(f"/seller/forecasts/{_ID}")
@access(SELLING)
def variant(variant_id: int) -> Response:
    """What was ordered, what is expected, and what follows from it."""
    return _page(variant_id)


def _page(variant_id: int, said: OverrideForm | None = None, keep: KeepForm | None = None) -> Response:
    found = screens.screen(actor(), variant_id)
    return htmx.respond(
        "forecasts/variant.html",
        "forecasts/_variant.html",
        max(said.status if said else 200, keep.status if keep else 200),
        found=found,
        said=said or OverrideForm(None),
        keep=keep or _keep_form(found.goods.variant.seller_id, variant_id),
        may_change=may_change(),
    )


@bp.post(f"/seller/forecasts/{_ID}/override")
@access(MANAGES_PRODUCTS)
def override(variant_id: int) -> Response:
    """Somebody knows better."""
    form = OverrideForm()
    if form.accept(
        lambda: actions.override(
            actor=actor(),
            variant_id=variant_id,
            weekly=form.weekly.data,
            reorder_level=form.reorder_level.data,
            note=form.note.data or "",
            ends_on=form.ends_on.data,
        )
    ):
        return htmx.done("forecasts.variant", _("Saved. Your figure holds until its last day."), variant_id=variant_id)
    return _page(variant_id, said=form)


@bp.post(f"/seller/forecasts/{_ID}/override/end")
@access(MANAGES_PRODUCTS)
def end_override(variant_id: int) -> Response:
    """The forecast holds again."""
    actions.end_override(actor=actor(), variant_id=variant_id)
    return htmx.done("forecasts.variant", _("Taken back. The forecast holds again."), variant_id=variant_id)


@bp.post(f"/seller/forecasts/{_ID}/setting")
@access(MANAGES_PRODUCTS)
def keep(variant_id: int) -> Response:
    """How well this one is to be kept."""
    form = KeepForm()
    if form.accept(
        lambda: actions.keep(
            actor=actor(),
            variant_id=variant_id,
            service_percent=form.service_percent,
            review_days=form.review_days.data,
        )
    ):
        return htmx.done("forecasts.variant", _("Saved."), variant_id=variant_id)
    return _page(variant_id, keep=form)


@bp.post(f"/seller/forecasts/{_ID}/setting/end")
@access(MANAGES_PRODUCTS)
def keep_as_others(variant_id: int) -> Response:
    """This one is kept as its seller's other goods again."""
    actions.keep_as_others(actor=actor(), variant_id=variant_id)
    return htmx.done("forecasts.variant", _("Saved."), variant_id=variant_id)


@bp.post(f"/seller/forecasts/{_ID}/making")
@access(MANAGES_PRODUCTS)
def make(variant_id: int) -> Response:
    """Make this one now."""
    actions.make_now(actor=actor(), variant_id=variant_id)
    return htmx.done("forecasts.variant", _("Made of everything ordered up to last week."), variant_id=variant_id)
