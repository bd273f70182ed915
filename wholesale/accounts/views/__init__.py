"""Logging in and out, forgotten passwords, the person's own pages, and failed logins for admins."""

from __future__ import annotations

from wholesale.accounts.views import account, admin, devices, email, login, password, phone
from wholesale.accounts.views.blueprint import bp

__all__ = ["account", "admin", "bp", "devices", "email", "login", "password", "phone"]
