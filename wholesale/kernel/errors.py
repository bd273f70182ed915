"""What can go wrong between a person and a rule. `platform.errors` gives each its HTTP status."""

from __future__ import annotations

import string

from wholesale.kernel.words import N_

# A translated sentence keeps its named places, so messages are templates: "The minimum order is {minimum}."
_format = string.Formatter().vformat
_NOT_FOUND = N_("We could not find that page.")
_PAUSE = N_("Too many tries. Wait {seconds} seconds, then try again.")


class HouseError(Exception):
    """A sentence for the person who asked, with named values kept apart so that it can be translated."""

    def __init__(self, message: str, *, field: str | None = None, **values: object) -> None:
        self.message = message
        self.field = field
        self.values = values
        super().__init__(_format(message, (), values))


class DomainError(HouseError):
    """A rule says no: 422, shown beside `field` (a form field's name) when there is one."""


class NotFoundError(HouseError):
    """Not there, or not for this person, which looks the same: 404."""

    def __init__(self, message: str = _NOT_FOUND) -> None:
        super().__init__(message)


class ForbiddenError(HouseError):
    """This person may not do this at all: 403. `next_step` names an endpoint that helps."""

    def __init__(self, message: str, *, next_step: str | None = None) -> None:
        self.next_step = next_step
        super().__init__(message)


class UnavailableError(HouseError):
    """A part that this needs does not answer; nothing was changed, and trying again later helps: 503."""


class ConflictError(HouseError):
    """Somebody else was quicker, or the page is out of date: 409."""


class PauseError(HouseError):
    """Too many tries: 429. `seconds` from now the next one is looked at."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        super().__init__(_PAUSE, seconds=seconds)
