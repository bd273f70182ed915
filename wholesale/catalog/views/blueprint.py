"""The one blueprint of the room's screens, and words of it."""

from __future__ import annotations

from flask import Blueprint

from wholesale.catalog.rules.attributes import KINDS, HasOptions, option_bn
from wholesale.platform import files, i18n

bp = Blueprint("catalog", __name__)
bp.add_app_template_global(lambda kind: i18n.gettext(KINDS[kind]), "attribute_kind_word")
bp.add_app_template_global(lambda problem: i18n.gettext(files.REASONS[problem]), "picture_problem")


@bp.app_template_filter("option_name")
def option_name(option: str, attribute: HasOptions) -> str:
    """An option as the reader calls it."""
    return (option_bn(attribute, option) if i18n.language() == "bn" else None) or option


_ID_DIGITS = 19  # of the largest bigint


def number_of(text: str | None) -> int:
    """A row's id from a form; 0, which none has, for what cannot be one."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < _ID_DIGITS else 0
