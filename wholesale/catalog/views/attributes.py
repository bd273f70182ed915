"""What a category asks of its products, for the platform's admins."""

from __future__ import annotations

from flask import Response, request
from flask_babel import gettext as _

from wholesale.catalog import actions, queries
from wholesale.catalog.forms import AttributeForm
from wholesale.catalog.rules.attributes import written_options
from wholesale.catalog.rules.pictures import Way
from wholesale.catalog.views.blueprint import bp, number_of
from wholesale.platform.access import ADMIN, access, actor
from wholesale.platform.htmx import done, respond, show


@bp.get("/admin/categories/<int:category_id>/attributes")
@access(ADMIN)
def attributes(category_id: int) -> Response:
    """The list of them: a part of the category's page, and what that becomes when one is moved."""
    found = queries.category_file(category_id)
    return respond("catalog/attributes.html", "catalog/_attributes.html", found=found)


@bp.post("/admin/categories/<int:category_id>/attributes/order")
@access(ADMIN)
def order_attributes(category_id: int) -> Response:
    """One place up or down."""
    way: Way = "down" if "down" in request.form else "up"
    attribute_id = number_of(request.form.get(way))
    actions.move_attribute(actor=actor(), category_id=category_id, attribute_id=attribute_id, way=way)
    return done("catalog.attributes", category_id=category_id)


@bp.route("/admin/categories/<int:category_id>/attributes/new", methods=["GET", "POST"])
@access(ADMIN)
def new_attribute(category_id: int) -> Response:
    found = queries.category_file(category_id)
    form = AttributeForm()
    if request.method == "POST" and form.accept(
        lambda: actions.add_attribute(actor=actor(), category_id=category_id, **form.values)
    ):
        return done("catalog.category", _("The attribute is added."), category_id=category_id)
    return show("catalog/attribute.html", form.status, form=form, found=found, attribute=None, used=0)


@bp.route("/admin/categories/<int:category_id>/attributes/<int:attribute_id>", methods=["GET", "POST"])
@access(ADMIN)
def attribute(category_id: int, attribute_id: int) -> Response:
    known = queries.attribute(category_id, attribute_id)
    facts = {name: getattr(known, name) for name in ("name", "name_bn", "kind", "unit")}
    form = AttributeForm(data=facts | {"options": written_options(known)})
    if request.method == "POST" and form.accept(
        lambda: actions.change_attribute(
            actor=actor(), category_id=category_id, attribute_id=attribute_id, **form.values
        )
    ):
        return done("catalog.category", _("The attribute is saved."), category_id=category_id)
    found = queries.category_file(category_id)
    used = next((number for each, number in found.own if each.id == attribute_id), 0)
    known = queries.attribute(category_id, attribute_id)
    return show("catalog/attribute.html", form.status, form=form, found=found, attribute=known, used=used)


@bp.post("/admin/categories/<int:category_id>/attributes/<int:attribute_id>/removal")
@access(ADMIN)
def remove_attribute(category_id: int, attribute_id: int) -> Response:
    """Remove it with the answers; `seen` is how many products the person was told of."""
    actions.remove_attribute(
        actor=actor(), category_id=category_id, attribute_id=attribute_id, seen=number_of(request.form.get("seen"))
    )
    return done("catalog.category", _("The attribute is removed."), category_id=category_id)
