"""What changes businesses, their people, invitations and addresses, by noun."""

from wholesale.organizations.actions.addresses import add_address, change_address, remove_address
from wholesale.organizations.actions.businesses import (
    change_business,
    found_business,
    found_once,
    set_partner,
    set_verified_until,
)
from wholesale.organizations.actions.switching import act_for

__all__ = [
    "act_for",
    "add_address",
    "change_address",
    "change_business",
    "found_business",
    "found_once",
    "remove_address",
    "set_partner",
    "set_verified_until",
]
