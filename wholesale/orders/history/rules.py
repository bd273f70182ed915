"""What is looked for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

AT_ONCE = 5_000  # lines of a table that is written while somebody waits
KEPT = timedelta(days=7)
# Still not written by then, it never will be: whoever asks again gets a new one.
LATE = timedelta(hours=1)
MOST_AT_ONCE = 5  # that one person may have waiting
LONGEST = 100
KINDS = ("csv", "xlsx")


@dataclass(frozen=True, slots=True)
class Filters:
    """What somebody asked for; empty: everything.

    `q`: a part of an order's or purchase's number, of a SKU, a product's name, a business's name, the buyer's own
    order number. `who`: a part of the other side's name. `since` and `until`: days of placing, both counted.
    """

    q: str = ""
    state: str = ""
    since: date | None = None
    until: date | None = None
    who: str = ""

    @property
    def narrows(self) -> bool:
        """Whether anything beside the state is asked for."""
        return bool(self.q or self.since or self.until or self.who)

    @property
    def query(self) -> dict[str, str]:
        """As an address carries it."""
        given = {
            "q": self.q,
            "state": self.state,
            "from": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
            "who": self.who,
        }
        return {name: value for name, value in given.items() if value}

    def without_state(self) -> dict[str, str]:
        """The same for every state."""
        return {name: value for name, value in self.query.items() if name != "state"}

    @classmethod
    def kept(cls, query: Mapping[str, str]) -> Filters:
        """What `query` gave."""
        days = {name: date.fromisoformat(query[name]) if name in query else None for name in ("from", "until")}
        return cls(query.get("q", ""), query.get("state", ""), days["from"], days["until"], query.get("who", ""))


def begin(day: date, zone: str) -> datetime:
    """The first moment of a day."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))


def containing(text: str) -> str:
    """A pattern for LIKE: what holds these signs, themselves and not their meaning there."""
    plain = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{plain}%"
