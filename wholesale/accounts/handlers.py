"""What follows from a failed login and from a forgotten password; done by the worker, so that nobody can time it."""

from __future__ import annotations

from wholesale.accounts.actions import guessing, passwords
from wholesale.accounts.events import LoginFailed, ResetAsked
from wholesale.platform.outbox import on


@on(LoginFailed)
def tell_owner(event: LoginFailed) -> None:
    """Write to the owner of the account after several failures."""
    guessing.tell_owner(failure_id=event.failure_id)


@on(ResetAsked)
def send_reset_link(event: ResetAsked) -> None:
    """Send the link, when there is such an account."""
    passwords.send_reset_link(email=event.email, address=event.address, language=event.language)
