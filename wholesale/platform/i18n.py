"""Languages, numbers, dates and money as people read them: English and Bangla, lakh and crore, Bangla digits."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any, cast
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime
from flask import Flask, current_app, g, has_request_context, request
from flask_babel import Babel, force_locale, get_domain, get_locale
from flask_babel import gettext as _babel_gettext
from flask_babel import lazy_gettext as _l

from wholesale.config import ROOT, Settings
from wholesale.kernel.errors import HouseError
from wholesale.kernel.money import MINOR_DIGITS, Money, smallest_unit
from wholesale.kernel.words import Word

LANGUAGES = {"en": "English", "bn": "বাংলা"}
BANGLA_DIGITS = str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")
SYMBOLS = {
    "BDT": "৳",
    "KES": "KSh ",
    "UGX": "USh ",
    "TZS": "TSh ",
    "RWF": "RF ",
    "USD": "$",
    "EUR": "€",
    "GBP": "£",
}
SYMBOLS["INR"] = "₹"
_LAKH = {"BDT", "INR"}  # these group 12,34,567; the others 1,234,567

TRANSLATIONS = ROOT / "translations"
_KEPT = "wholesale.language"  # of a request, in its environment
_spoken: ContextVar[str | None] = ContextVar("spoken", default=None)

log = logging.getLogger(__name__)
babel = Babel()


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Within the block the reader is somebody of that language, whoever asks: for what is sent to them."""
    token = _spoken.set(code)
    try:
        with force_locale(code):
            yield
    finally:
        _spoken.reset(token)


def gettext(message: str, **values: object) -> str:
    """The message in the reader's language, `%(name)s` filled in; as it stands when there is no reader."""
    if not message or not (has_request_context() or _spoken.get()):  # an empty one brings the catalogue's head
        return message % values if values else message
    return cast("str", _babel_gettext(message, **values))


def sentence(error: HouseError) -> str:
    """An error's sentence in the reader's language, its money and numbers as that reader writes them."""
    values = {name: _as_read(value) for name, value in error.values.items()}
    return gettext(error.message).format(**values)


def _as_read(value: object) -> object:
    if isinstance(value, Money):
        return money(value)
    if isinstance(value, Word):
        return gettext(value)
    return number(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else value


def language() -> str:
    """The reader's language code; English when there is no reader."""
    if (spoken := _spoken.get()) is not None:
        return spoken
    if not has_request_context():
        return "en"
    if _KEPT not in request.environ:  # asked for with every number on the page
        locale = get_locale()
        request.environ[_KEPT] = locale.language if locale is not None else "en"
    return cast("str", request.environ[_KEPT])


@cache
def _catalogue(code: str) -> Any:
    """The texts in that language."""
    with force_locale(code):
        return get_domain().get_translations()


def _select() -> str:
    """What the person chose (kept in a cookie, so that it also holds before login), else what the browser asks for."""
    chosen = request.cookies.get("language") or getattr(g.get("actor"), "language", None)
    if chosen in LANGUAGES:
        return chosen
    return request.accept_languages.best_match(list(LANGUAGES)) or "en"


def _digits(text: str, lang: str | None) -> str:
    return text.translate(BANGLA_DIGITS) if (lang or language()) == "bn" else text


def digits(number: int) -> str:
    """A number that is a name, such as a year: in the reader's digits, never grouped."""
    return _digits(str(number), None)


def _grouped(digits: str, size: int) -> str:
    """Thousands apart, and above them groups of `size`: 2 for lakh and crore, 3 elsewhere."""
    head, groups = digits[:-3], [digits[-3:]]
    while head:
        groups.append(head[-size:])
        head = head[:-size]
    return ",".join(reversed(groups))


def _written(value: Decimal, *, least: int, most: int, size: int = 2) -> str:
    """A number that is not negative, with `least` to `most` decimals, rounded half up.

    Our own and not Babel's, which takes a third of the time of a page of prices and cannot write Bangla digits.
    """
    whole, _, decimals = f"{value.quantize(Decimal(1).scaleb(-most), ROUND_HALF_UP):f}".partition(".")
    decimals = decimals[:least] + decimals[least:].rstrip("0")
    grouped = _grouped(whole, size)
    return f"{grouped}.{decimals}" if decimals else grouped


def number(value: int | Decimal, lang: str | None = None) -> str:
    """12,34,567 with lakh and crore, in the reader's digits; at most 4 decimals."""
    minus = "-" if value < 0 else ""
    return _digits(minus + _written(abs(Decimal(value)), least=0, most=4), lang)


def money(value: Money, lang: str | None = None) -> str:
    """An amount with all its minor digits and its sign: ৳12,34,567.50, ১২,৩৪,৫৬৭.৫০৳, USh 1,234,567 (EX-6)."""
    digits = MINOR_DIGITS[value.currency]
    return _with_sign(value, digits, digits, lang)


def unit_money(value: Money, lang: str | None = None) -> str:
    """A unit price: the minor digits, and up to 4 decimals where it has them (৳135.00, ৳0.125)."""
    return _with_sign(value, MINOR_DIGITS[value.currency], 4, lang)


def _with_sign(value: Money, least: int, most: int, lang: str | None) -> str:
    size = 2 if value.currency in _LAKH else 3
    lang = lang or language()
    text = _digits(_written(abs(value.amount), least=least, most=most, size=size), lang)
    minus = "−" if value.amount < 0 else ""
    symbol = SYMBOLS[value.currency]
    if lang == "bn" and value.currency == "BDT":
        return f"{minus}{text}{symbol}"
    return f"{minus}{symbol}{text}"


def percent(value: Decimal, lang: str | None = None) -> str:
    """A percentage without needless zeros: 6.9 %, 8 %."""
    return _digits(f"{value.normalize():f} %", lang)


def day(value: date, lang: str | None = None) -> str:
    """A date: 21 Nov 2026, ২১ নভে ২০২৬."""
    lang = lang or language()
    return _digits(format_date(value, "d MMM y", locale=lang), lang)


def month(value: date, lang: str | None = None) -> str:
    """The month of a day: Nov 2026, নভে ২০২৬."""
    lang = lang or language()
    return _digits(format_date(value, "MMM y", locale=lang), lang)


def short_day(value: date, step: str = "day", lang: str | None = None) -> str:
    """A day below a chart: 21 Nov; of a chart by months: Nov 2026."""
    lang = lang or language()
    return _digits(format_date(value, "MMM y" if step == "month" else "d MMM", locale=lang), lang)


def when(value: datetime, lang: str | None = None) -> str:
    """An instant in the platform's zone: 21 Nov 2026, 14:05."""
    lang = lang or language()
    zone = cast("Settings", current_app.extensions["settings"]).time_zone
    return _digits(format_datetime(value, "d MMM y, HH:mm", tzinfo=ZoneInfo(zone), locale=lang), lang)


def hour(value: time, lang: str | None = None) -> str:
    """A time of day: 14:05."""
    return _digits(f"{value:%H:%M}", lang)


def plain_amount(value: Money) -> str:
    """For `value=` of inputs and for machines: 13500.00, no sign, no grouping."""
    return str(value.amount.quantize(smallest_unit(value.currency)))


def amount(value: Decimal, currency: str) -> Money:
    """An amount from a column as Money, for templates that show rows."""
    return Money(value, currency)


def local_name(thing: Any) -> str:
    """The Bangla name of a category, product or offer for readers of Bangla, where it has one."""
    return str((thing.name_bn if language() == "bn" else None) or thing.name)


def country_name(code: str) -> str:
    """A country, by its two letters, as the reader calls it."""
    return str(Locale(language()).territories.get(code, code))


# Units that products are sold in; others show as they were typed.
_UNITS = {
    "piece": (_l("piece"), _l("pieces")),
    "set": (_l("set"), _l("sets")),
    "pack": (_l("pack"), _l("packs")),
    "box": (_l("box"), _l("boxes")),
    "bundle": (_l("bundle"), _l("bundles")),
    "bag": (_l("bag"), _l("bags")),
    "carton": (_l("carton"), _l("cartons")),
    "kg": (_l("kg"), _l("kg")),
}


def unit_name(unit: str, count: int = 1, lang: str | None = None) -> str:
    """A unit of sale in the reader's language (or `lang`), singular or plural."""
    one, many = _UNITS.get(unit, (unit, unit))
    with force_locale(lang or language()):
        return str(one if count == 1 else many)


def _look_at_catalogues() -> None:
    """Say so when a language is not compiled, or was before its last change: pages would be English in places."""
    for source in TRANSLATIONS.glob("*/LC_MESSAGES/*.po"):
        compiled = source.with_suffix(".mo")
        if not compiled.exists() or compiled.stat().st_mtime < source.stat().st_mtime:
            log.warning("%s is missing or old: run bin/setup", compiled.relative_to(ROOT))


def init_app(app: Flask, settings: Settings) -> None:
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(TRANSLATIONS)
    _look_at_catalogues()
    babel.init_app(app, default_locale="en", default_timezone=settings.time_zone, locale_selector=_select)
    filters = (
        "amount",
        "money",
        "unit_money",
        "number",
        "percent",
        "day",
        "month",
        "short_day",
        "when",
        "hour",
        "local_name",
        "country_name",
        "unit_name",
        "sentence",
        "digits",
    )
    for name in filters:
        app.add_template_filter(globals()[name], name)
    app.add_template_filter(plain_amount, "plain_amount")
    # flask-babel's own looks the reader's catalogue up again for each of two hundred texts of a page.
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]  # the extension's, which has no types
        gettext=lambda text: _catalogue(language()).ugettext(text),
        ngettext=lambda one, many, count: _catalogue(language()).ungettext(one, many, count),
        newstyle=True,
    )
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True

    @app.context_processor
    def _reader() -> dict[str, object]:
        return {"lang": language(), "languages": list(LANGUAGES.items())}
