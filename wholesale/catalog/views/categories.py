"""The category tree, for the platform's admins."""

from __future__ import annotations

from flask import Response, request
from flask_babel import gettext as _
from flask_babel import ngettext

from wholesale.catalog import actions, queries
from wholesale.catalog.events import AT_ONCE
from wholesale.catalog.forms import CategoryForm, ProductsForm
from wholesale.catalog.rules.pictures import Way
from wholesale.catalog.views.blueprint import bp, number_of
from wholesale.kernel.errors import DomainError
from wholesale.platform import i18n
from wholesale.platform.access import ADMIN, access, actor
from wholesale.platform.htmx import done, respond, show


@bp.get("/admin/categories")
@access(ADMIN)
def categories() -> Response:
    return respond("catalog/categories.html", "catalog/_categories.html", branches=queries.category_tree())


@bp.post("/admin/categories/order")
@access(ADMIN)
def order_categories() -> Response:
    """One place up or down among its sisters."""
    way: Way = "down" if "down" in request.form else "up"
    actions.move_category(actor=actor(), category_id=number_of(request.form.get(way)), way=way)
    return done("catalog.categories")


@bp.route("/admin/categories/new", methods=["GET", "POST"])
@access(ADMIN)
def new_category() -> Response:
    form = CategoryForm()
    form.offer(queries.category_names())
    if request.method == "POST" and form.accept(lambda: actions.create_category(actor=actor(), **form.values)):
        return done("catalog.categories", _("The category is added."))
    if request.method == "GET":
        form.parent_id.data = request.args.get("below", "")
    return show("catalog/category_new.html", form.status, form=form)


@bp.route("/admin/categories/<int:category_id>", methods=["GET", "POST"])
@access(ADMIN)
def category(category_id: int) -> Response:
    """Its names, its place in the tree, its picture; what it asks of its products."""
    found = queries.category_file(category_id)
    form = _form(found)
    if request.method == "POST" and form.accept(
        lambda: actions.change_category(
            actor=actor(), category_id=category_id, drop_picture=form.drop_picture.data, **form.values
        )
    ):
        return done("catalog.category", _("The category is saved."), category_id=category_id)
    return _show(category_id, form=form)


def _form(found: queries.CategoryFile) -> CategoryForm:
    form = CategoryForm(obj=found.category)
    form.offer(pair for pair in queries.category_names() if pair[0] != found.category.id)
    if request.method == "GET" or "name" not in request.form:
        form.parent_id.data = str(found.category.parent_id or "")
    return form


def _show(
    category_id: int, *, form: CategoryForm | None = None, products: ProductsForm | None = None, refused: str = ""
) -> Response:
    found = queries.category_file(category_id)
    if products is None:
        products = ProductsForm(formdata=None)
        products.offer(pair for pair in queries.category_names() if pair[0] != category_id)
    if form is None:
        form = CategoryForm(formdata=None, obj=found.category)
        form.offer(pair for pair in queries.category_names() if pair[0] != category_id)
        form.parent_id.data = str(found.category.parent_id or "")
    status = 422 if refused else max(form.status, products.status)
    return show("catalog/category.html", status, found=found, form=form, products=products, refused=refused)


@bp.post("/admin/categories/<int:category_id>/removal")
@access(ADMIN)
def remove_category(category_id: int) -> Response:
    """Remove it, when nothing is in it."""
    try:
        actions.remove_category(actor=actor(), category_id=category_id)
    except DomainError as error:
        return _show(category_id, refused=i18n.sentence(error))
    return done("catalog.categories", _("The category is removed."))


@bp.post("/admin/categories/<int:category_id>/products")
@access(ADMIN)
def move_products(category_id: int) -> Response:
    """Put its products into another one."""
    queries.category_file(category_id)
    form = ProductsForm()
    form.offer(pair for pair in queries.category_names() if pair[0] != category_id)
    moved = form.submit(
        lambda: actions.move_products(actor=actor(), category_id=category_id, to_id=number_of(form.to_id.data))
    )
    if form.errors or moved is None:
        return _show(category_id, products=form)
    if moved > AT_ONCE:
        message = _("%(n)s products are on their way: that takes some minutes.", n=i18n.number(moved))
    else:
        message = ngettext("%(n)s product is moved.", "%(n)s products are moved.", moved, n=i18n.number(moved))
    return done("catalog.category", message, category_id=category_id)
