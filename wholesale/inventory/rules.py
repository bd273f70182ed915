"""Where an order's pieces come from, and why stock is changed by hand. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from wholesale.kernel.words import N_

MOST_ON_HAND = 1_000_000_000
FARTHEST = 10**6  # kilometres: of a place of which nobody knows how far it is


@dataclass(frozen=True, slots=True)
class Place:
    """What one location has of one variant."""

    variant_id: int
    location_id: int
    available: int


@dataclass(frozen=True, slots=True)
class Take:
    """So many pieces of a variant from a location."""

    variant_id: int
    location_id: int
    quantity: int


Stocks = dict[int, dict[int, int]]  # location → variant → what is available there


def choose(
    wanted: Mapping[int, int], places: Sequence[Place], distances: Mapping[int, int] | None = None
) -> tuple[list[Take], dict[int, int]]:
    """Which location gives how much of each variant, and for what is missing how much there is.

    `distances`: kilometres from each location to where the goods go; one that is not in it counts as farthest. Goods
    that can come from one place come from one: the nearest that has enough of all of them, and of equally near ones
    that with most. Where none has, as few places as that takes, again the nearest first; a line is split only when no
    location has enough of it by itself.
    """
    there: dict[int, dict[int, int]] = {variant_id: {} for variant_id in wanted}
    for place in places:
        if place.variant_id in there and place.available > 0:
            there[place.variant_id][place.location_id] = place.available
    missing = {
        variant_id: sum(there[variant_id].values())
        for variant_id, quantity in sorted(wanted.items())
        if sum(there[variant_id].values()) < quantity
    }
    takes: list[Take] = []
    for lines in _together([each for each in sorted(wanted) if each not in missing], there):
        takes += _from_few({each: wanted[each] for each in lines}, there, distances or {})
    return sorted(takes, key=lambda take: (take.variant_id, take.location_id)), missing


def _together(variant_ids: Iterable[int], there: Mapping[int, Mapping[int, int]]) -> list[list[int]]:
    """The variants in groups that share no location: one seller's goods never lie where another's do."""
    groups: list[tuple[set[int], list[int]]] = []
    for variant_id in variant_ids:
        where, lines = set(there[variant_id]), [variant_id]
        apart = []
        for group in groups:
            if group[0] & where:
                where |= group[0]
                lines = group[1] + lines
            else:
                apart.append(group)
        groups = [*apart, (where, lines)]
    return [lines for _, lines in groups]


def _from_few(
    wanted: dict[int, int], there: Mapping[int, Mapping[int, int]], distances: Mapping[int, int]
) -> list[Take]:
    """As few places as it takes: each time the one that has enough of most lines, the nearest of equal ones."""
    stocks: Stocks = {}
    for variant_id in wanted:
        for location_id, pieces in there[variant_id].items():
            stocks.setdefault(location_id, {})[variant_id] = pieces

    def near_and_full(location_id: int) -> tuple[int, int, int]:
        return distances.get(location_id, FARTHEST), -sum(stocks[location_id].values()), location_id

    order = sorted(stocks, key=near_and_full)
    left, takes, used = dict(wanted), [], []
    while left:
        enough = {each: [v for v in left if stocks[each].get(v, 0) >= left[v]] for each in order}
        best = max(order, key=lambda each: len(enough[each]), default=None)  # the first of equal ones
        if best is None or not enough[best]:
            break
        takes += [Take(variant_id, best, left.pop(variant_id)) for variant_id in enough[best]]
        used.append(best)
    for variant_id, quantity in left.items():  # nobody has enough of these
        rest = quantity
        # Where something is fetched anyway comes first: one parcel less.
        for location_id in sorted(
            there[variant_id], key=lambda each: _split_order(each, used, distances, there[variant_id])
        ):
            part = min(rest, there[variant_id][location_id])
            if part > 0:
                takes.append(Take(variant_id, location_id, part))
                rest -= part
                if location_id not in used:
                    used.append(location_id)
    return takes


def _split_order(
    location_id: int, used: Sequence[int], distances: Mapping[int, int], pieces: Mapping[int, int]
) -> tuple[bool, int, int, int]:
    return location_id not in used, distances.get(location_id, FARTHEST), -pieces[location_id], location_id


# --- changes by hand --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reason:
    """Why somebody changes a figure by hand. `sign`: what it does to it; 0 says how many there are."""

    kind: str
    sign: int
    words: str


ADJUSTMENT, WRITE_OFF = "ADJUSTMENT", "WRITE_OFF"
REASONS = {
    "counted": Reason(ADJUSTMENT, 0, N_("Counted: so many are there")),
    "found": Reason(ADJUSTMENT, 1, N_("Add: found, or not noted before")),
    "mistake": Reason(ADJUSTMENT, -1, N_("Take off: noted by mistake")),
    "damaged": Reason(WRITE_OFF, -1, N_("Write off: damaged")),
    "expired": Reason(WRITE_OFF, -1, N_("Write off: past its date")),
    "lost": Reason(WRITE_OFF, -1, N_("Write off: lost or stolen")),
    "used": Reason(WRITE_OFF, -1, N_("Write off: sample or own use")),
    "other": Reason(WRITE_OFF, -1, N_("Write off: something else (say what)")),
}
# How the log names a reason, also those that only other pages give.
NOTED = {
    "counted": N_("Counted"),
    "found": N_("Found"),
    "mistake": N_("Noted by mistake"),
    "damaged": N_("Damaged"),
    "expired": N_("Past its date"),
    "lost": N_("Lost or stolen"),
    "lost_on_the_way": N_("Lost on the way"),
    "received_wrong": N_("More or fewer came than noted"),
    "shipped_wrong": N_("More or fewer were shipped than noted"),
    "mixed_up": N_("Mixed up with other goods"),
    "used": N_("Sample or own use"),
    "other": N_("Something else"),
}
KINDS = {
    "PURCHASE": N_("Purchase"),
    "SALE": N_("Sale"),
    "RETURN": N_("Return"),
    "ADJUSTMENT": N_("Adjustment"),
    "TRANSFER": N_("Transfer"),
    "ALLOCATION": N_("Promised to an order"),
    "RELEASE": N_("Promise taken back"),
    "WRITE_OFF": N_("Write-off"),
}
NEEDS_A_NOTE = {"other"}


# --- how it stands ----------------------------------------------------------------------------------------

OUT, CRITICAL, LOW, FINE = range(4)


def standing(available: int, level: int | None) -> int:
    """How urgent that is: out of stock, at or below the reorder level, up to one and a half times of it, fine.

    Without a level only nothing at all is urgent.
    """
    if available <= 0:
        return OUT if level is None or level > 0 else FINE
    if level is None or level <= 0:
        return FINE
    if available <= level:
        return CRITICAL
    return LOW if available * 2 <= level * 3 else FINE
