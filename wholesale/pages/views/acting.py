"""A platform admin chooses a buyer to act for, and ends that."""

from __future__ import annotations

from flask import Blueprint, Response, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import HiddenField
from wtforms.validators import InputRequired

from wholesale.organizations import acting
from wholesale.platform.access import ADMIN, SIGNED_IN, access, actor
from wholesale.platform.fields import RadioField, choice
from wholesale.platform.forms import HouseForm, LongTextField
from wholesale.platform.htmx import done, respond

bp = Blueprint("acting", __name__)

_LONGEST_SEARCH = 80


class ActForForm(HouseForm):
    """For whom, and why."""

    q = HiddenField()
    organization_id = RadioField(_l("Buyer"), validators=[InputRequired(_l("Please choose one."))])
    reason = LongTextField(_l("Reason"), maximum=300)


@bp.get("/admin/act-for")
@access(ADMIN)
def choose() -> Response:
    """Verified buyers by name."""
    q = request.args.get("q", "").replace("\0", "").strip()[:_LONGEST_SEARCH]
    return _page(_form(q, fresh=True), q)


def _form(q: str, *, fresh: bool) -> ActForForm:
    form = ActForForm(formdata=None, data={"q": q}) if fresh else ActForForm()
    form.organization_id.choices = [choice(str(business.id), business.name) for business in acting.buyers(q)]
    return form


def _page(form: ActForForm, q: str) -> Response:
    return respond("pages/acting.html", "pages/_acting.html", form.status, form=form, q=q)


@bp.post("/admin/act-for")
@access(ADMIN, fresh=True)
def start() -> Response:
    """Act for it from now on, for an hour at most."""
    q = request.form.get("q", "").replace("\0", "").strip()[:_LONGEST_SEARCH]
    form = _form(q, fresh=False)
    if form.accept(
        lambda: acting.act_for(
            actor=actor(), organization_id=int(form.organization_id.data), reason=form.reason.data or ""
        )
    ):
        return done("pages.listing")
    return _page(form, q)


@bp.post("/act-for/end")
@access(SIGNED_IN)
def stop() -> Response:
    """Be oneself again."""
    was_acting = actor().on_behalf
    acting.stop_acting(actor=actor())
    return done("acting.choose", _("You act for yourself again.")) if was_acting else done("pages.home")
