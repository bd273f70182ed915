"""What changes businesses, their people, invitations and addresses, by noun."""

from wholesale.audit.rules import ACTIONS
from wholesale.kernel.words import N_
from wholesale.organizations.actions.addresses import add_address, change_address, remove_address
from wholesale.organizations.actions.businesses import (
    change_business,
    found_business,
    found_once,
    set_partner,
    set_verified_until,
)
from wholesale.organizations.actions.invitations import invite, join, join_as_new, renew, withdraw
from wholesale.organizations.actions.people import change_person, hand_over, leave, remove_person
from wholesale.organizations.actions.switching import act_for

ACTIONS |= {
    "business.changed": N_("changed the business"),
    "invitation.accepted": N_("accepted an invitation"),
    "invitation.sent": N_("invited somebody"),
    "invitation.withdrawn": N_("withdrew an invitation"),
    "membership.added": N_("joined the business"),
    "membership.left": N_("left the business"),
    "membership.removed": N_("removed a person"),
    "membership.role_changed": N_("changed a person's role"),
    "ownership.handed_over": N_("handed the business over"),
    "ownership.shared": N_("made somebody owner beside them"),
}

__all__ = [
    "act_for",
    "add_address",
    "change_address",
    "change_business",
    "change_person",
    "found_business",
    "found_once",
    "hand_over",
    "invite",
    "join",
    "join_as_new",
    "leave",
    "remove_address",
    "remove_person",
    "renew",
    "set_partner",
    "set_verified_until",
    "withdraw",
]
