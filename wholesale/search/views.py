"""Suggestions while somebody types; synonyms and what was not found, for the platform's people."""

from __future__ import annotations

from flask import Blueprint, Response, request
from flask_babel import gettext as _

from wholesale.platform.access import ADMIN, ANYONE, STAFF, access, actor
from wholesale.platform.htmx import done, respond, show
from wholesale.platform.replica import replica_may_answer
from wholesale.search import actions, queries
from wholesale.search.forms import SynonymForm
from wholesale.search.rules.wanted import LONGEST

bp = Blueprint("search", __name__)


@bp.get("/search/suggestions")
@access(ANYONE)
@replica_may_answer
def suggestions() -> Response:
    """What may be meant by the beginning of a search; the same for everybody, without a price."""
    q = " ".join(request.args.get("q", "").replace("\0", "").split())[:LONGEST]
    return respond("search/suggestions.html", "search/_suggestions.html", found=queries.suggestions(q))


@bp.get("/admin/search/misses")
@access(STAFF)
def misses() -> Response:
    """What people looked for and did not find, the most wanted first."""
    searches, missed = queries.totals()
    return show("search/misses.html", misses=queries.misses(), searches=searches, missed=missed)


@bp.get("/admin/search/synonyms")
@access(STAFF)
def synonyms() -> Response:
    """Which words mean the same."""
    return show("search/synonyms.html", groups=queries.synonyms())


def _form(form: SynonymForm, synonym_id: int | None = None) -> Response:
    return respond("search/synonym.html", "search/_synonym.html", form.status, form=form, synonym_id=synonym_id)


@bp.get("/admin/search/synonyms/new")
@access(ADMIN)
def new_synonym() -> Response:
    """A form for words that mean the same; one may come from what was not found."""
    term = request.args.get("term", "").replace("\0", "").strip()[: actions.LONGEST_TERM]
    return _form(SynonymForm(formdata=None, data={"terms": f"{term}\n" if term else ""}))


@bp.post("/admin/search/synonyms/new")
@access(ADMIN)
def add_synonym() -> Response:
    """Let them mean the same from now on."""
    form = SynonymForm()
    if form.accept(lambda: actions.save_synonym(actor=actor(), terms=(form.terms.data or "").splitlines())):
        return done("search.synonyms", _("Saved. It holds from the next search on."))
    return _form(form)


@bp.get("/admin/search/synonyms/<int(max=9223372036854775807):synonym_id>")
@access(STAFF)
def synonym(synonym_id: int) -> Response:
    """One group of words, to be changed."""
    group = queries.synonym(synonym_id)
    return _form(SynonymForm(formdata=None, data={"terms": "\n".join(group.terms)}), synonym_id)


@bp.post("/admin/search/synonyms/<int(max=9223372036854775807):synonym_id>")
@access(ADMIN)
def change_synonym(synonym_id: int) -> Response:
    """Let other words mean the same."""
    form = SynonymForm()
    if form.accept(
        lambda: actions.save_synonym(actor=actor(), terms=(form.terms.data or "").splitlines(), synonym_id=synonym_id)
    ):
        return done("search.synonyms", _("Saved. It holds from the next search on."))
    return _form(form, synonym_id)


@bp.post("/admin/search/synonyms/<int(max=9223372036854775807):synonym_id>/removal")
@access(ADMIN)
def remove_synonym(synonym_id: int) -> Response:
    """Let them mean what they say."""
    actions.remove_synonym(actor=actor(), synonym_id=synonym_id)
    return done("search.synonyms", _("Removed. It holds from the next search on."))
