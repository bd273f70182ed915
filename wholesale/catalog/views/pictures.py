"""The pictures of a product, for who sells it and for the platform's admins."""

from __future__ import annotations

from typing import cast

from flask import Response, flash, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from wholesale.catalog import actions, queries
from wholesale.catalog.forms import AltForm, PhotosForm
from wholesale.catalog.rules import pictures as rules
from wholesale.catalog.views.blueprint import bp
from wholesale.platform import htmx, i18n, idempotency
from wholesale.platform.access import MANAGES_PRODUCTS, access, actor
from wholesale.platform.htmx import done, respond


@bp.get("/seller/products/<int:product_id>/pictures")
@access(MANAGES_PRODUCTS)
def pictures(product_id: int) -> Response:
    """All of them, in the order in which buyers see them."""
    return _show(product_id)


def _show(
    product_id: int, *, photos: PhotosForm | None = None, text: AltForm | None = None, text_of: int = 0
) -> Response:
    return respond(
        "catalog/pictures.html",
        "catalog/_pictures.html",
        max(form.status for form in (photos, text) if form is not None) if photos or text else 200,
        gallery=queries.own_pictures(actor(), product_id),
        photos=photos,
        text=text,
        text_of=text_of,
        pause=rules.pause(0),
        upload_key=idempotency.new_key(),
    )


@bp.post("/seller/products/<int:product_id>/pictures")
@access(MANAGES_PRODUCTS)
def upload_pictures(product_id: int) -> Response:
    """Keep photographs; their sizes are made in the background."""
    queries.own_pictures(actor(), product_id)
    form = PhotosForm()
    taken = form.submit(
        lambda: actions.upload_pictures(
            actor=actor(), product_id=product_id, photos=form.photos.data, key=request.form.get("key", "")
        )
    )
    if taken is None:
        return _show(product_id, photos=form)
    for name, why in taken.refused:
        flash(_("%(file)s: %(reason)s", file=name, reason=i18n.sentence(why)), "warning")
    kept = ngettext("%(n)s photo is kept.", "%(n)s photos are kept.", taken.kept, n=i18n.number(taken.kept))
    return done("catalog.pictures", kept, product_id=product_id)


@bp.get("/seller/products/<int:product_id>/pictures/<int:picture_id>")
@access(MANAGES_PRODUCTS)
def picture(product_id: int, picture_id: int) -> Response:
    """One of them, as the page shows it: it asks again until it is ready. As a page it is a place on that page."""
    gallery, found = queries.own_picture(actor(), product_id, picture_id)
    looks = request.args.get("looks", 0, type=int)
    if not htmx.current().is_fragment:
        there = url_for("catalog.pictures", product_id=product_id, _anchor=f"catalog-picture-{picture_id}")
        return htmx.vary(cast("Response", redirect(there, 303)), partial=False)
    return respond(
        "catalog/pictures.html",
        "catalog/_picture.html",
        gallery=gallery,
        picture=found,
        number=gallery.pictures.index(found) + 1,
        looks=looks,
        pause=rules.pause(max(looks, 0)),
    )


@bp.post("/seller/products/<int:product_id>/pictures/<int:picture_id>/position")
@access(MANAGES_PRODUCTS)
def move_picture(product_id: int, picture_id: int) -> Response:
    """Show it earlier, later or first."""
    way: rules.Way = next((each for each in rules.WAYS if each == request.form.get("way")), "up")
    actions.move_picture(actor=actor(), product_id=product_id, picture_id=picture_id, way=way)
    return done("catalog.pictures", product_id=product_id)


@bp.post("/seller/products/<int:product_id>/pictures/<int:picture_id>/text")
@access(MANAGES_PRODUCTS)
def describe_picture(product_id: int, picture_id: int) -> Response:
    """Say in words what it shows."""
    queries.own_picture(actor(), product_id, picture_id)
    form = AltForm()
    if form.accept(
        lambda: actions.describe_picture(
            actor=actor(), product_id=product_id, picture_id=picture_id, alt=form.alt.data or ""
        )
    ):
        return done("catalog.pictures", _("Saved."), product_id=product_id)
    return _show(product_id, text=form, text_of=picture_id)


@bp.post("/seller/products/<int:product_id>/pictures/<int:picture_id>/removal")
@access(MANAGES_PRODUCTS)
def remove_picture(product_id: int, picture_id: int) -> Response:
    actions.remove_picture(actor=actor(), product_id=product_id, picture_id=picture_id)
    return done("catalog.pictures", _("The picture is removed."), product_id=product_id)


@bp.post("/seller/products/<int:product_id>/pictures/<int:picture_id>/retry")
@access(MANAGES_PRODUCTS)
def retry_picture(product_id: int, picture_id: int) -> Response:
    """Make its sizes once more."""
    actions.retry_picture(actor=actor(), product_id=product_id, picture_id=picture_id)
    return done("catalog.pictures", product_id=product_id)
