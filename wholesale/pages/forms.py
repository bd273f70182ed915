"""What the audit log is searched by."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import SelectField

from wholesale.audit import rules
from wholesale.platform import i18n
from wholesale.platform.fields import DayField, choice
from wholesale.platform.forms import HouseForm, TextField, WholeNumberField


class OwnAuditForm(HouseForm):
    """What a business looks for in its own log; every field may stay empty."""

    action = SelectField(_l("What was done"), validate_choice=False)
    since = DayField(_l("From"), optional=True)
    until = DayField(_l("Up to and including"), optional=True)
    words = TextField(_l("Words in the reason"), maximum=100, optional=True)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        known = {action: i18n.gettext(words) for action, words in rules.ACTIONS.items()}
        given = self.action.data or ""
        if given and given not in known:
            known[given] = given
        listed = sorted(known.items(), key=lambda pair: pair[1].lower())
        self.action.choices = [("", i18n.gettext("Anything")), *(choice(action, words) for action, words in listed)]


class AuditForm(OwnAuditForm):
    """What the platform's staff look for."""

    person = TextField(_l("Person"), maximum=200, optional=True, description=_l("A name or an e-mail address."))
    business = TextField(_l("Business"), maximum=200, optional=True)
    thing = TextField(_l("Kind of thing"), maximum=50, optional=True, description=_l("Such as membership or order."))
    thing_id = TextField(_l("Number of the thing"), maximum=100, optional=True)


class CompareForm(HouseForm):
    """At which quantity."""

    quantity = WholeNumberField(_l("Quantity"), minimum=1)

    def wanted(self) -> int | None:
        """The quantity; None when there is none, or none that makes sense (`status` then says so)."""
        if self.quantity.typed is None:
            return None
        return self.submit(lambda: self.quantity.data)


class DiscardForm(HouseForm):
    """Why something that failed for good is given up."""

    reason = TextField(_l("Why it is given up"), maximum=200)
