"""Stock takes: begun, counted by hand or by file, checked, posted."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

from flask import Blueprint, Response, current_app, redirect, request, url_for
from flask_babel import gettext as _

from wholesale.config import Settings
from wholesale.inventory import queries as inventory
from wholesale.inventory.counts import actions, queries, rules, sheets
from wholesale.inventory.counts.errors import CountedByOthersError
from wholesale.inventory.counts.forms import SCOPES, BeginForm, FileForm, FindForm, NumbersForm, PostForm
from wholesale.kernel import clock
from wholesale.kernel.errors import DomainError, NotFoundError
from wholesale.platform import files, i18n, idempotency
from wholesale.platform.access import MANAGES_PRODUCTS, SELLING, access, actor
from wholesale.platform.forms import HouseForm
from wholesale.platform.htmx import done, respond
from wholesale.platform.sheets import csv_lines

bp = Blueprint("counts", __name__, url_prefix="/seller/counts")

_ID_DIGITS = 18
_COUNT = f"/<int(max={2**63 - 1}):count_id>"
_TONES = {"counting": "info", "checking": "warn", "posted": "good", "cancelled": "neutral"}
_MOST_TRIES = 999
_SOON, _LATER = timedelta(seconds=2), timedelta(seconds=10)


@bp.app_template_filter("count_state")
def count_state(state: str) -> str:
    return i18n.gettext(rules.STATE_WORDS[state])


@bp.app_template_filter("count_tone")
def count_tone(state: str) -> str:
    return _TONES[state]


@bp.app_template_filter("count_scope")
def count_scope(scope: str) -> str:
    return str(SCOPES[scope])


@bp.app_template_filter("count_problem")
def count_problem(code: str) -> str:
    """What is wrong with a cell of a file."""
    return i18n.gettext(rules.PROBLEMS[code])


@bp.app_template_filter("count_reason")
def count_reason(reason: str) -> str:
    """Why a line differs."""
    return i18n.gettext(rules.REASONS[reason]) if reason in rules.REASONS else ""


def number_of(name: str) -> int | None:
    """A whole number from the address; nonsense is none."""
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _ID_DIGITS else None


def seller_in_address() -> int | None:
    """Staff look at one seller's, if they say whose."""
    return number_of("seller") if actor().is_staff else None


def may_change() -> bool:
    return MANAGES_PRODUCTS.allows(actor())


# --- all of them, and a new one ---------------------------------------------------------------------------


@bp.get("")
@access(SELLING)
def overview() -> Response:
    """Counts, newest first."""
    return respond(
        "counts/overview.html",
        "counts/_list.html",
        page=queries.page(actor(), seller_id=seller_in_address(), before=number_of("before")),
        seller_id=seller_in_address(),
        is_first=number_of("before") is None,
        may_change=may_change(),
    )


@bp.get("/new")
@access(MANAGES_PRODUCTS)
def new() -> Response:
    """Which goods of which location."""
    given = {
        "scope": "chosen" if "sku" in request.args else "all",
        "skus": request.args.get("sku", "")[:20_000].replace(",", "\n"),
        "location_id": request.args.get("location", ""),
        "key": idempotency.new_key(),
    }
    return _new(BeginForm(formdata=None, data=given))


@bp.post("/new")
@access(MANAGES_PRODUCTS)
def begin() -> Response:
    form = BeginForm()
    form.offer(_places(), queries.categories())
    count_id = form.submit(
        lambda: actions.begin(
            actor=actor(),
            location_id=int(form.location_id.data),
            scope=form.scope.data,
            category_id=form.category,
            skus=form.wanted,
            note=form.note.data or "",
            key=form.key.data or "",
        )
    )
    if count_id is None:
        return _new(form)
    return done("counts.show", _("The count has begun."), count_id=count_id)


def _places() -> list[tuple[int, str]]:
    """Open locations that the actor may choose from; staff say first whose."""
    seller_id = seller_in_address() if actor().is_staff else actor().acting_organization
    return [(place.id, place.name) for place in inventory.locations(seller_id)] if seller_id else []


def _new(form: BeginForm) -> Response:
    places = _places()
    form.offer(places, queries.categories())
    return respond(
        "counts/new.html",
        "counts/_new.html",
        form.status,
        form=form,
        places=places,
        sellers=inventory.sellers() if actor().is_staff else [],
        seller_id=seller_in_address(),
    )


# --- one count --------------------------------------------------------------------------------------------


@bp.get(_COUNT)
@access(SELLING)
def show(count_id: int) -> Response:
    """How far it is; once it is checked, what differs."""
    return _show(queries.count(actor(), count_id))


def _show(found: queries.Seen, form: PostForm | None = None, refused: HouseForm | None = None) -> Response:
    counting = found.state in {"counting", "cancelled"}
    after = number_of("after") or 0
    rows, following = ([], None) if counting else queries.differences(found.id, after=after)
    tries = min(number_of("tries") or 0, _MOST_TRIES)
    refusing = refused or form
    return respond(
        "counts/count.html",
        "counts/_count.html",
        refusing.status if refusing is not None else 200,
        count=found,
        form=form or PostForm(formdata=None),
        refused=refused,
        find=FindForm(formdata=None),
        result=None if counting else queries.result(found),
        sheet=queries.printed(found) if found.state == "counting" else [],
        rows=rows,
        after=after,
        following=following,
        reasons=rules.REASONS,
        may_change=may_change(),
        tries=tries,
        pause=int((_SOON if tries < 5 else _LATER).total_seconds()),  # noqa: PLR2004 - most sheets take a second
    )


@bp.post(f"{_COUNT}/checks")
@access(MANAGES_PRODUCTS)
def finish(count_id: int) -> Response:
    """Counting is over: show what differs."""
    return _step(count_id, lambda: actions.finish(actor=actor(), count_id=count_id), "")


@bp.post(f"{_COUNT}/continuation")
@access(MANAGES_PRODUCTS)
def go_on(count_id: int) -> Response:
    """Count further after all."""
    return _step(count_id, lambda: actions.go_on(actor=actor(), count_id=count_id), _("You can count further."))


@bp.post(f"{_COUNT}/cancellation")
@access(MANAGES_PRODUCTS)
def cancel(count_id: int) -> Response:
    """Call it off."""
    said = _("The count is called off. Nothing was changed.")
    return _step(count_id, lambda: actions.cancel(actor=actor(), count_id=count_id), said)


def _step(count_id: int, action: object, said: str) -> Response:
    form = HouseForm()
    if form.accept(action):  # type: ignore[arg-type]  # one of the lambdas above
        return done("counts.show", said, count_id=count_id)
    return _show(queries.count(actor(), count_id), refused=form)


@bp.post(f"{_COUNT}/posting")
@access(MANAGES_PRODUCTS)
def post(count_id: int) -> Response:
    """Keep the reasons of this page; post if that was pressed."""
    queries.count(actor(), count_id)
    form = PostForm()
    posting = request.form.get("then") == "post"
    posted = form.submit(lambda: _explain_and_post(form, count_id, posting=posting))
    if posted is None:
        return _show(queries.count(actor(), count_id), form)
    if not posting:
        return done("counts.show", _("The reasons are kept."), count_id=count_id, after=number_of("after"))
    return done("counts.show", _told(posted), count_id=count_id)


def _explain_and_post(form: PostForm, count_id: int, *, posting: bool) -> actions.Posted:
    if queries.count(actor(), count_id).state == "posted":
        return actions.Posted(again=True)
    actions.explain(actor=actor(), count_id=count_id, reasons=form.explained)
    if not posting:
        return actions.Posted()
    return actions.post(actor=actor(), count_id=count_id, without_second=form.without_second.data)


def _told(posted: actions.Posted) -> str:
    if posted.again:
        return str(_("This count was posted before. Nothing was changed."))
    if posted.refused:
        lines, refused = i18n.number(posted.lines), i18n.number(posted.refused)
        return str(_("Posted: %(lines)s lines. Refused: %(refused)s.", lines=lines, refused=refused))
    return str(_("Posted: %(lines)s lines.", lines=i18n.number(posted.lines)))


# --- the sheet --------------------------------------------------------------------------------------------


@bp.get(f"{_COUNT}/sheet.pdf")
@access(SELLING)
def sheet_pdf(count_id: int) -> Response:
    """A part of the printed sheet (`part`, the first one otherwise), once it is made."""
    found = queries.count(actor(), count_id)
    keys = {each.part: each.file_key for each in queries.printed(found)}
    part = number_of("part") or 1
    key = keys.get(part)
    if key is None:
        raise NotFoundError
    name = found.number if len(keys) == 1 else f"{found.number}-{part}"
    return files.serve(files.storage().get(key), "application/pdf", name, inline=False)


@bp.get(f"{_COUNT}/sheet.csv")
@access(SELLING)
def sheet_csv(count_id: int) -> Response:
    """The sheet for a spreadsheet."""
    heading = queries.heading_of(actor(), count_id)
    lines = sheets.rows(heading, queries.sheet_lines(count_id))
    response = Response("".join(csv_lines(lines)), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f"attachment; filename={heading.number}.csv"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-store"
    return response


# --- counting ---------------------------------------------------------------------------------------------


@bp.get(f"{_COUNT}/lines")
@access(MANAGES_PRODUCTS)
def lines(count_id: int) -> Response:
    """A page of the sheet, to be filled in."""
    return _lines(count_id, NumbersForm(formdata=None))


@bp.post(f"{_COUNT}/lines")
@access(MANAGES_PRODUCTS)
def save_lines(count_id: int) -> Response:
    """Keep a page of numbers, and go on to the next."""
    found = queries.count(actor(), count_id)
    form = NumbersForm()
    if not _save(form, count_id):
        return _lines(count_id, form)
    rest = "rest" in request.args or None
    _page, following = queries.lines(found.id, after=number_of("after") or 0)
    if rest or following is None:
        return done("counts.lines", _("Saved."), count_id=count_id, rest=rest)
    return done("counts.lines", _("Saved."), count_id=count_id, after=following)


def _save(form: NumbersForm, count_id: int, *, second: bool = False) -> bool:
    """Note the numbers; what others have counted meanwhile is shown beside them."""

    def work() -> None:
        counts = form.counts(empty_too=not second)
        try:
            actions.note_counts(
                actor=actor(), count_id=count_id, counts=counts, shown=None if second else form.shown, second=second
            )
        except CountedByOthersError as error:
            form.meet(error)
            raise

    return form.accept(work)


def _lines(count_id: int, form: NumbersForm) -> Response:
    found = queries.count(actor(), count_id)
    if found.state != "counting":
        return _elsewhere(found)
    rest, after = "rest" in request.args, number_of("after") or 0
    page, following = queries.lines(count_id, after=after, uncounted=rest and not form.typed)
    return respond(
        "counts/lines.html",
        "counts/_lines.html",
        form.status,
        count=found,
        form=form,
        lines=page,
        following=following,
        after=after,
        rest=rest,
    )


def _elsewhere(found: queries.Seen) -> Response:
    """Counting is over: the count's page says why."""
    return cast("Response", redirect(url_for("counts.show", count_id=found.id), 303))


@bp.get(f"{_COUNT}/entry")
@access(MANAGES_PRODUCTS)
def entry(count_id: int) -> Response:
    """One line at a time: the one whose SKU or barcode was given, or the next that nobody has counted."""
    found = queries.count(actor(), count_id)
    text = request.args.get("sku", "").replace("\0", "").strip()[:80]
    find = FindForm(formdata=None, data={"sku": text})
    line = queries.find_line(count_id, text) if text else queries.next_line(count_id, number_of("after") or 0)
    if text and line is None:
        find.refuse(DomainError("This SKU is not on the sheet.", field="sku"))
    return _entry(found, line, NumbersForm(formdata=None), find)


@bp.post(f"{_COUNT}/entry")
@access(MANAGES_PRODUCTS)
def save_entry(count_id: int) -> Response:
    """Keep one number, and go on to the next line."""
    found = queries.count(actor(), count_id)
    form = NumbersForm()
    variant_id = next(iter(form.typed), 0)
    line = queries.line(count_id, variant_id)
    if not _save(form, count_id):
        return _entry(found, line, form, FindForm(formdata=None))
    said = form.typed[variant_id].strip() or "–"
    return done(
        "counts.entry", _("%(sku)s: %(pieces)s", sku=line.sku, pieces=said), count_id=count_id, after=line.position
    )


def _entry(
    found: queries.Seen, line: queries.Line | None, form: NumbersForm, find: FindForm, *, status: int | None = None
) -> Response:
    if found.state != "counting":
        return _elsewhere(found)
    return respond(
        "counts/entry.html",
        "counts/_entry.html",
        status or form.status,
        count=found,
        form=form,
        find=find,
        line=line,
        by=queries.last_of(found.id, [line.variant_id]).get(line.variant_id) if line else None,
    )


@bp.post(f"{_COUNT}/additions")
@access(MANAGES_PRODUCTS)
def add(count_id: int) -> Response:
    """Put goods on the sheet that were found in the place."""
    found = queries.count(actor(), count_id)
    find = FindForm()
    variant_id = find.submit(lambda: actions.add_line(actor=actor(), count_id=count_id, sku=find.sku.data or ""))
    if variant_id is None:
        return _entry(found, None, NumbersForm(formdata=None), find, status=find.status)
    return done("counts.entry", count_id=count_id, sku=queries.line(count_id, variant_id).sku)


# --- a file -----------------------------------------------------------------------------------------------


@bp.get(f"{_COUNT}/files")
@access(MANAGES_PRODUCTS)
def sent_file(count_id: int) -> Response:
    """Send a file of numbers; what was wrong with the last one."""
    return _file(count_id, FileForm(formdata=None))


@bp.post(f"{_COUNT}/files")
@access(MANAGES_PRODUCTS)
def send_file(count_id: int) -> Response:
    queries.count(actor(), count_id)
    form = FileForm()
    zone = cast("Settings", current_app.extensions["settings"]).time_zone
    sent = form.submit(
        lambda: actions.read_file(actor=actor(), count_id=count_id, upload=form.file.data, counted_at=form.moment(zone))
    )
    if sent is None:
        return _file(count_id, form)
    return done("counts.sent_file", _("Taken over: %(kept)s numbers.", kept=i18n.number(sent.kept)), count_id=count_id)


def _file(count_id: int, form: FileForm) -> Response:
    found = queries.count(actor(), count_id)
    if found.state != "counting":
        return _elsewhere(found)
    return respond(
        "counts/files.html",
        "counts/_files.html",
        form.status,
        count=found,
        form=form,
        sent=queries.last_file(count_id),
        now=clock.now(),
    )


# --- the second count -------------------------------------------------------------------------------------


@bp.get(f"{_COUNT}/second")
@access(MANAGES_PRODUCTS)
def second(count_id: int) -> Response:
    """Count again what differs much, without any figure."""
    return _second(count_id, NumbersForm(formdata=None))


@bp.post(f"{_COUNT}/second")
@access(MANAGES_PRODUCTS)
def save_second(count_id: int) -> Response:
    queries.count(actor(), count_id)
    form = NumbersForm()
    if not _save(form, count_id, second=True):
        return _second(count_id, form)
    return done("counts.show", _("Saved."), count_id=count_id)


def _second(count_id: int, form: NumbersForm) -> Response:
    found = queries.count(actor(), count_id)
    if found.state != "checking":
        return _elsewhere(found)
    return respond(
        "counts/second.html",
        "counts/_second.html",
        form.status,
        count=found,
        form=form,
        lines=queries.wanting_second(count_id)[: queries.LINES],
    )
