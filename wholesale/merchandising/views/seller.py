"""Products as those who manage them see them: the list, a product's page, and what is changed in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from flask import Blueprint, Response, flash, request
from flask_babel import gettext as _

from wholesale.catalog import queries as catalog
from wholesale.catalog.rules.products import Gap
from wholesale.kernel.errors import ConflictError, DomainError
from wholesale.kernel.money import Money
from wholesale.merchandising import actions, queries, rules
from wholesale.merchandising.errors import StaleError
from wholesale.merchandising.forms import (
    COMMON_COUNTRIES,
    STATES,
    PricesForm,
    ProductForm,
    StateForm,
    StockForm,
    category_choices,
    country_name,
)
from wholesale.merchandising.profit import queries as profit
from wholesale.merchandising.profit import rules as profit_rules
from wholesale.merchandising.views import listed
from wholesale.platform import htmx, i18n, idempotency
from wholesale.platform.access import MANAGES_PRODUCTS, SELLING, access, actor
from wholesale.platform.forms import HouseForm
from wholesale.platform.i18n import sentence
from wholesale.platform.transaction import abandon
from wholesale.pricing.rules import Receipt, suggested_price

bp = Blueprint("products", __name__, url_prefix="/seller/products")

_ID = f"<int(max={2**63 - 1}):product_id>"
_ROWS = ("specifications", "tiers", "variants")
_CONFLICT = 409
_NUMBERS = {"moq", "order_multiple", "lead_time_days", "reorder_level", "reorder_quantity", "stock"}
_WHOLE = 100  # per cent
_NAMED, _LONGEST_NAMED = 5, 60  # what is told must fit into a cookie


@bp.app_template_filter("product_state")
def product_state(state: str) -> str:
    return str(STATES[state])


@bp.app_template_filter("product_tone")
def product_tone(state: str) -> str:
    """The badge's tone for a product's state."""
    return {"active": "good", "draft": "warn"}.get(state, "neutral")


bp.add_app_template_filter(country_name, "country_name")


@bp.app_template_global("kept_value")
def kept_value(field: str, text: str, currency: str) -> str:
    """A value that is kept as text, in the reader's words: states, countries, units, numbers and prices."""
    name = field.partition(" ")[0]
    if name in _NUMBERS and text.isascii() and text.isdecimal():
        return i18n.number(int(text))
    if name == "cost" and rules.is_amount(text):
        return i18n.unit_money(Money(Decimal(text), currency))
    if field == "state" and text in STATES:
        return product_state(text)
    if field == "country" and text:
        return country_name(text)
    if field == "unit":
        return i18n.unit_name(text)
    steps = rules.read_tiers(text) if field == "tiers" else []
    return (
        "; ".join(f"{i18n.number(quantity)}+ {i18n.unit_money(Money(price, currency))}" for quantity, price in steps)
        or text
    )


def may_change() -> bool:
    """Whether the actor changes products, or only looks at them."""
    return MANAGES_PRODUCTS.allows(actor())


# --- the list ---------------------------------------------------------------------------------------------


@bp.get("")
@access(SELLING)
def overview() -> Response:
    """The seller's products; staff have a list of everybody's."""
    if actor().is_staff:
        return listed.to_list()
    return product_list()


def product_list(form: HouseForm | None = None) -> Response:
    """The list as it is looked for; `form` (of the change of several) was refused."""
    filters = listed.filters(request.args)
    page = queries.page(actor(), filters, after=listed.whole_number(request.args.get("after")))
    archived = listed.whole_number(request.args.get("archived"))
    return htmx.respond(
        "merchandising/products.html",
        "merchandising/_products.html",
        form.status if form else 200,
        page=page,
        filters=filters,
        categories=[(value, label) for value, label, *_more in category_choices(queries.categories())],
        sellers=queries.sellers() if actor().is_staff else [],
        settlements=profit.holding(page.rows) if actor().is_admin else {},
        percent_of=profit_rules.percent_of,
        may_change=may_change(),
        none_yet=not page.rows and not filters.narrowed and not queries.has_products(actor()),
        kept=listed.kept(),
        endpoint=listed.list_endpoint(),
        states=STATES,
        form=form,
        archived=queries.archived(actor(), archived) if archived is not None and may_change() else None,
        undo_to=_was(),
    )


def _was() -> str:
    """What a product was before it was put away a moment ago: where taking that back leads to."""
    return "draft" if request.args.get("was") == "draft" else "active"


@bp.post("/states")
@access(MANAGES_PRODUCTS)
def set_states() -> Response:
    """Put several on sale or away; each tells what has become of it."""
    form = StateForm()
    chosen = [number for text in request.form.getlist("product") if (number := listed.whole_number(text)) is not None]
    outcomes = form.submit(
        lambda: actions.set_states(
            actor=actor(),
            product_ids=queries.own(actor(), chosen[: rules.MOST_AT_ONCE + 1]),
            state=form.state.data,
        )
    )
    if outcomes is None:
        return product_list(form)
    _tell(outcomes, str(STATES[form.state.data]))
    return listed.to_list()


def _tell(outcomes: list[actions.Outcome], state: str) -> None:
    """What has become of each, by name as long as that can be read."""
    for refused in (False, True):
        found = [each for each in outcomes if (each.problem is not None) == refused]
        named = found if len(found) <= _NAMED else found[: _NAMED - 1]
        tone = "warning" if refused else "message"
        for each in named:
            about = sentence(each.problem) if each.problem else f"{state}."
            flash(_("%(product)s: %(outcome)s", product=each.name[:_LONGEST_NAMED], outcome=about), tone)
        if left := len(found) - len(named):
            number = i18n.number(left)
            if refused:
                flash(_("%(number)s more could not be changed.", number=number), tone)
            else:
                flash(_("%(number)s more: %(state)s.", number=number, state=state), tone)


# --- a product's page -------------------------------------------------------------------------------------


@bp.route("/new", methods=["GET", "POST"])
@access(MANAGES_PRODUCTS)
def new() -> Response:
    """A product that is not there yet. An admin says whose it will be."""
    seller_id = listed.whole_number(request.args.get("seller")) if actor().is_admin else actor().acting_organization
    if seller_id is None:
        return htmx.done("all_products.overview", _("Choose the seller first: then press “Add a product”."))
    seller = queries.seller(seller_id)
    form = ProductForm(queries.categories())
    _ask(form, {})
    if request.method == "GET":
        form.tiers.append_entry()
        form.variants.append_entry()
        return _page(form, None, seller=seller)
    if _only_rearranged(form):
        return _page(form, None, seller=seller)
    state = "active" if request.form.get("do") == "publish" else "draft"
    form.also(
        lambda fine: queries.mistakes(
            form.legible, seller_id=seller_id, currency=seller.currency, state=state, fine=fine
        )
    )
    product = form.submit(lambda: actions.create(actor=actor(), seller_id=seller_id, typed=form.typed, state=state))
    if product is None:
        return _page(form, None, seller=seller)
    message = _("It is on sale.") if state == "active" else _("It is kept as a draft.")
    return htmx.done("products.product", message, product_id=product.id)


@bp.get(f"/{_ID}")
@access(SELLING)
def product(product_id: int) -> Response:
    row = queries.row(actor(), product_id)
    kept = queries.whole(row.product)
    form = _form_of(kept, row.product.version, formdata=None)
    if not may_change():
        return htmx.show("merchandising/product_read.html", row=row, kept=kept, attributes=form.attributes)
    return _page(form, row)


@bp.post(f"/{_ID}")
@access(MANAGES_PRODUCTS)
def save(product_id: int) -> Response:
    row = queries.row(actor(), product_id)
    form = _form_of(queries.whole(row.product), row.product.version)
    if _only_rearranged(form):
        return _page(form, row)
    do = request.form.get("do")
    state = "active" if do == "publish" else None
    kept, began = row.product, rules.unpacked(request.form.get("seen", ""))
    form.also(
        lambda fine: queries.mistakes(
            form.legible,
            seller_id=kept.seller_id,
            currency=kept.currency,
            state=state or kept.state,
            product=kept,
            began=began,
            fine=fine,
        )
    )
    try:
        saved = form.submit(
            lambda: actions.save(
                actor=actor(),
                product_id=product_id,
                typed=form.typed,
                began=began,
                version=form.version.data or 0,
                state=state,
            )
        )
    except StaleError as stale:
        abandon()
        return _conflict(form, product_id, stale)
    if saved is None:
        return _page(form, queries.row(actor(), product_id))
    return htmx.done("products.product", _("It is on sale.") if state else _("It is saved."), product_id=product_id)


def _form_of(kept: rules.Whole, version: int, **kwargs: object) -> ProductForm:
    """The form of a product as it is kept, which remembers what that was."""
    seen = rules.packed(rules.written(kept))
    form = ProductForm.of(queries.categories(), kept, version=version, seen=seen, **kwargs)
    _ask(form, kept.facts.attributes, sent="formdata" not in kwargs)
    return form


def _ask(form: ProductForm, answers: object, *, sent: bool = True) -> None:
    """The questions of the category that is chosen now."""
    category_id = listed.whole_number(form.category_id.data)
    if category_id is not None:
        posted = request.form if sent and request.method == "POST" else None
        form.ask(catalog.attributes_for(category_id), dict(answers or {}), posted)  # type: ignore[call-overload]


def _only_rearranged(form: ProductForm) -> bool:
    """Whether the button only adds or takes out a row, or works something out; nothing is saved then."""
    do = request.form.get("do", "")
    verb, _between, rows = do.partition(" ")
    rows, _between, number = rows.partition(" ")
    if verb == "add" and rows in _ROWS:
        form.add_row(rows)
    elif verb == "remove" and rows in _ROWS and number.isascii() and number.isdecimal() and len(number) < len("1000"):
        form[rows].pop(int(number))
    else:
        return do in {"look", "ask", "suggest"}
    return True


def _page(
    form: ProductForm, row: queries.Row | None, *, seller: queries.Seller | None = None, stale: StaleError | None = None
) -> Response:
    do = request.form.get("do", "")
    if do == "look" and htmx.current().is_fragment:
        return htmx.respond(
            "merchandising/product.html", "pricing/_receipts.html", receipts=_receipts(form, row, seller)
        )
    return htmx.respond(
        "merchandising/product.html",
        "merchandising/_product.html",
        _CONFLICT if stale else form.status,
        form=form,
        row=row,
        seller=seller,
        stale=stale,
        receipts=_receipts(form, row, seller),
        suggested=_suggested(form, row.product.currency if row else seller.currency if seller else ""),
        gallery=catalog.own_pictures(actor(), row.product.id) if row else None,
        lacks=_lacks(row) if row else [],
        added=do.removeprefix("add ") if do.startswith("add ") else "",
        country_names=COMMON_COUNTRIES,
        state_form=StateForm(formdata=None, state=row.product.state) if row else None,
        show_differences=_shown(stale, form) if stale else [],
        copy_key=idempotency.new_key(),
        upload_key=idempotency.new_key(),
    )


def _lacks(row: queries.Row) -> list[Gap]:
    """What hinders it from being ordered, as it is kept."""
    product = row.product
    found = rules.missing(queries.whole(product)) if product.state == "draft" else []
    if product.state != "archived" and not queries.has_terms(
        seller_id=product.seller_id, category_id=product.category_id, product_id=product.id
    ):
        found.append(Gap("tiers", rules.NO_TERMS))
    return found


def _receipts(form: ProductForm, row: queries.Row | None, seller: queries.Seller | None) -> list[Receipt]:
    """What the seller is paid at each tier that is complete, as they are typed."""
    of = row.product if row else seller
    assert of is not None, "a new product has its seller"
    return queries.receipts(
        actor(),
        seller_id=row.product.seller_id if row else of.id,
        category_id=listed.whole_number(form.category_id.data),
        product_id=row.product.id if row else None,
        currency=of.currency,
        cost=form.cost.data,
        steps=form.steps,
    )


def _suggested(form: ProductForm, currency: str) -> Money | None:
    """The price that keeps the margin that was asked for (EX-5)."""
    cost, margin = form.cost.data, form.margin.data
    if request.form.get("do") != "suggest" or not cost or margin is None or margin >= _WHOLE:
        return None
    return suggested_price(Money(cost, currency), margin)


def _conflict(form: ProductForm, product_id: int, stale: StaleError) -> Response:
    """What the other one saved, beside what was typed; sent again, the form saves on top of it, knowing."""
    row = queries.row(actor(), product_id)
    merged = rules.merged(form.typed, stale.kept, stale.differences, rules.unpacked(request.form.get("seen", "")))
    fresh = _form_of(merged, stale.version, formdata=None)
    fresh.seen.data = rules.packed(rules.written(stale.kept))
    return _page(fresh, row, stale=stale)


def _shown(stale: StaleError, form: ProductForm) -> list[rules.Difference]:
    """The differences with names in place of numbers."""
    categories = {value: label.strip("– ") for value, label, *_more in form.category_id.iter_choices()}
    return [
        each.readable(categories, {str(each.id): each.name for each in form.attributes}) for each in stale.differences
    ]


# --- what is done to one product --------------------------------------------------------------------------


@bp.post(f"/{_ID}/copies")
@access(MANAGES_PRODUCTS)
def duplicate(product_id: int) -> Response:
    queries.row(actor(), product_id)
    key = request.form.get("key") or idempotency.new_key()
    try:
        copy_id = actions.duplicate_once(actor=actor(), product_id=product_id, key=key)
    except DomainError as error:
        abandon()
        return htmx.done("products.product", sentence(error), product_id=product_id)
    return htmx.done("products.product", _("This is the copy, a draft: change what is different."), product_id=copy_id)


@bp.post(f"/{_ID}/state")
@access(MANAGES_PRODUCTS)
def set_state(product_id: int) -> Response:
    """On sale, out of sale, away."""
    row = queries.row(actor(), product_id)
    form = StateForm()
    was = row.product.state
    if form.accept(lambda: actions.set_state(actor=actor(), product_id=product_id, state=form.state.data)):
        if form.state.data == "archived" and was != "archived":
            return _offer_undo(row, was)
        return _done(product_id, _("%(product)s: %(state)s.", product=row.product.name, state=STATES[form.state.data]))
    return _row(queries.row(actor(), product_id), form.status, mode="state", form=form)


def _offer_undo(row: queries.Row, was: str) -> Response:
    """It is put away, and one press takes that back: in its row, or above the list, which shows it no longer."""
    message = _("%(product)s: %(state)s.", product=row.product.name, state=STATES["archived"])
    if htmx.current().is_fragment:
        return htmx.done("products.in_list", message, product_id=row.product.id, was=was, **listed.kept())
    return listed.to_list(message=message, archived=row.product.id, was=was)


@bp.get(f"/{_ID}/row")
@access(SELLING)
def in_list(product_id: int) -> Response:
    """The product's row; without htmx the list, at that place."""
    row = queries.row(actor(), product_id)
    if not htmx.current().is_fragment:
        return listed.to_list(product_id)
    return _row(row)


@bp.get(f"/{_ID}/prices")
@access(MANAGES_PRODUCTS)
def prices(product_id: int) -> Response:
    row = queries.row(actor(), product_id)
    return _row(row, mode="prices", form=_prices_form(row, formdata=None))


def _prices_form(row: queries.Row, **kwargs: object) -> PricesForm:
    steps = [(quantity, price.amount) for quantity, price in row.tiers]
    return PricesForm(
        prefix=f"p{row.product.id}-",
        tiers=[{"min_qty": quantity, "unit_price": price} for quantity, price in steps],
        seen=rules.written_tiers(steps),
        **kwargs,
    )


@bp.post(f"/{_ID}/prices")
@access(MANAGES_PRODUCTS)
def set_prices(product_id: int) -> Response:
    """Each tier's price, in place."""
    row = queries.row(actor(), product_id)
    form = PricesForm(prefix=f"p{product_id}-")
    return _do(
        row,
        form,
        lambda: actions.set_prices(actor=actor(), product_id=product_id, tiers=form.steps, seen=form.seen.data or ""),
        "prices",
        _("The prices of %(product)s are changed.", product=row.product.name),
    )


@bp.get(f"/{_ID}/stock")
@access(MANAGES_PRODUCTS)
def stock(product_id: int) -> Response:
    row = queries.row(actor(), product_id)
    return _row(row, mode="stock", form=_stock_form(row, formdata=None))


def _stock_form(row: queries.Row, **kwargs: object) -> StockForm:
    rows = [
        {"sku": each.facts.sku, "seen": each.on_hand, "count": each.on_hand}
        for each in row.variants
        if each.facts.is_offered or each.on_hand
    ]
    return StockForm(prefix=f"s{row.product.id}-", rows=rows, **kwargs)


@bp.post(f"/{_ID}/stock")
@access(MANAGES_PRODUCTS)
def set_stock(product_id: int) -> Response:
    """What was counted, in place."""
    row = queries.row(actor(), product_id)
    form = StockForm(prefix=f"s{product_id}-")
    return _do(
        row,
        form,
        lambda: actions.set_stock(actor=actor(), product_id=product_id, counts=form.counts, seen=form.seen),
        "stock",
        _("The stock of %(product)s is saved.", product=row.product.name),
    )


def _do(
    row: queries.Row, form: PricesForm | StockForm, action: Callable[[], object], mode: str, message: str
) -> Response:
    """Run the action and show the row; what somebody changed meanwhile stands beside what was typed."""
    product_id = row.product.id
    try:
        accepted = form.accept(action)
    except ConflictError as conflict:
        abandon()
        now = queries.row(actor(), product_id)
        fresh = _prices_form(now, formdata=None) if mode == "prices" else _stock_form(now, formdata=None)
        return _row(now, _CONFLICT, mode=mode, form=fresh, mine=form.changed, problem=sentence(conflict))
    if accepted:
        return _done(product_id, message)
    return _row(queries.row(actor(), product_id), form.status, mode=mode, form=form)


def _done(product_id: int, message: str) -> Response:
    """The row again, or the same place in the list."""
    if htmx.current().is_fragment:
        return htmx.done("products.in_list", message, product_id=product_id, **listed.kept())
    return listed.to_list(product_id, message)


def _row(
    row: queries.Row,
    status: int = 200,
    *,
    mode: str = "",
    form: HouseForm | None = None,
    mine: Mapping[str, str] | None = None,
    problem: str = "",
) -> Response:
    """One row of the list, to be read or with a form in it; `mine`: what was typed, where somebody was quicker."""
    moves = (
        queries.stock_moves([each.facts.id or 0 for each in row.variants])
        if mine is not None and mode == "stock"
        else []
    )
    return htmx.respond(
        "merchandising/row.html",
        "merchandising/_row.html",
        status,
        row=row,
        mode=mode,
        form=form,
        mine=mine,
        problem=problem,
        moves=moves,
        may_change=may_change(),
        kept=listed.kept(),
        was=_was() if "was" in request.args else "",
        back=listed.list_url(_anchor=f"merchandising-row-{row.product.id}"),
        settlements=profit.holding([row]) if actor().is_admin else {},
        percent_of=profit_rules.percent_of,
    )


@bp.get(f"/{_ID}/history")
@access(SELLING)
def history(product_id: int) -> Response:
    """Who changed what of it, and when."""
    row = queries.row(actor(), product_id)
    found = queries.history(actor(), product_id, after=listed.whole_number(request.args.get("after")))
    return htmx.show("merchandising/history.html", row=row, history=found)
