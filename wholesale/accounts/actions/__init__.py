"""What changes people and their logins, by noun: users, sessions, passwords, emails, phones, guessing."""

from wholesale.accounts.actions.sessions import open_session, sign_in, sign_out
from wholesale.accounts.actions.users import create_user

__all__ = ["create_user", "open_session", "sign_in", "sign_out"]
