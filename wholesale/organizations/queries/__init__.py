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

__all__ = [
    "address",
    "addresses",
    "first_address",
    "load_actor",
    "look_alikes",
    "organization",
    "organizations",
    "overview",
    "own_businesses",
    "papers",
    "terms",
    "verified_now",
]
