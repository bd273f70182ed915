"""Reads of businesses, people and addresses, by noun; and the actor of a request, in one query."""

from wholesale.organizations.queries.actor import load_actor
from wholesale.organizations.queries.addresses import address, addresses, first_address
from wholesale.organizations.queries.businesses import (
    look_alikes,
    organization,
    organizations,
    overview,
    own_businesses,
    papers,
    terms,
    verified_now,
)
from wholesale.organizations.queries.people import Person, belongs_to, invitation, people, person, waiting_invitations

__all__ = [
    "Person",
    "address",
    "addresses",
    "belongs_to",
    "first_address",
    "invitation",
    "load_actor",
    "look_alikes",
    "organization",
    "organizations",
    "overview",
    "own_businesses",
    "papers",
    "people",
    "person",
    "terms",
    "verified_now",
    "waiting_invitations",
]
