"""What follows from changes of the catalogue, in the background."""

from __future__ import annotations

from wholesale.catalog import actions
from wholesale.catalog.events import AttributeRemoved, CategoryChanged, MoveBegan, PictureUploaded
from wholesale.platform.outbox import on


@on(PictureUploaded)
def make_sizes(event: PictureUploaded) -> None:
    """Make the sizes in which an uploaded photograph is shown."""
    actions.make_sizes(event.picture_id)


@on(CategoryChanged)
def refresh_listings(event: CategoryChanged) -> None:
    """Write anew what lists know of the products in the category and below it."""
    actions.refresh_category(event.category_id, event.after)


@on(MoveBegan)
def move_products(event: MoveBegan) -> None:
    """Go on moving them."""
    actions.move_some_products(category_id=event.category_id, to_id=event.to_id)


@on(AttributeRemoved)
def forget_answers(event: AttributeRemoved) -> None:
    """Go on taking what was answered to it."""
    actions.forget_some_answers(event.attribute_id)
