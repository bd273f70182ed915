"""A person's privacy page; the terms and the privacy notice."""

from __future__ import annotations

from flask import Blueprint, Response
from flask_babel import gettext as _

from wholesale.accounts.consent import actions as consent
from wholesale.accounts.consent.rules import VERSIONS
from wholesale.kernel.errors import DomainError
from wholesale.platform import files
from wholesale.platform.access import ANYONE, SIGNED_IN, access, actor
from wholesale.platform.htmx import done, show
from wholesale.platform.i18n import sentence
from wholesale.platform.transaction import abandon
from wholesale.privacy import actions, queries
from wholesale.privacy.rules import HOLDINGS

bp = Blueprint("privacy", __name__)


@bp.get("/terms")
@access(ANYONE)
def terms() -> Response:
    return show("privacy/terms.html", version=VERSIONS["terms"])


@bp.get("/privacy")
@access(ANYONE)
def notice() -> Response:
    return show("privacy/notice.html", version=VERSIONS["privacy"], holdings=HOLDINGS)


@bp.get("/account/privacy")
@access(SIGNED_IN)
def overview() -> Response:
    return _overview()


def _overview(status: int = 200, problem: str = "") -> Response:
    found = queries.overview(actor())
    obstacles = [sentence(each) for each in found.obstacles]
    return show("privacy/overview.html", status, found=found, obstacles=obstacles, versions=VERSIONS, problem=problem)


@bp.post("/account/privacy/consents")
@access(SIGNED_IN)
def agree() -> Response:
    consent.agree(user_id=actor().acting_user)
    return done("privacy.overview", _("Noted: you agree to what holds today."))


@bp.post("/account/privacy/downloads")
@access(SIGNED_IN, fresh=True)
def request_download() -> Response:
    actions.request_download(actor=actor())
    return done("privacy.overview", _("We are collecting your data. You get an e-mail when it is ready."))


@bp.get("/account/privacy/downloads/<int:download_id>")
@access(SIGNED_IN, fresh=True)
def download(download_id: int) -> Response:
    found = queries.download(actor(), download_id)
    data = files.storage().get(str(found.file_key))
    return files.serve(data, "application/zip", "my-data.zip", inline=False)


@bp.post("/account/privacy/erasure")
@access(SIGNED_IN, fresh=True)
def request_erasure() -> Response:
    try:
        actions.request_erasure(actor=actor())
    except DomainError as problem:
        abandon()
        return _overview(422, sentence(problem))
    return done("privacy.overview", _("Your account will be erased in a week. Until then you can take it back here."))


@bp.post("/account/privacy/erasure/withdrawal")
@access(SIGNED_IN)
def withdraw_erasure() -> Response:
    actions.withdraw_erasure(actor=actor())
    return done("privacy.overview", _("Your account stays."))
