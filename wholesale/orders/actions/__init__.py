"""What can be done with orders."""

from wholesale.orders.actions.checkout import (
    Bill,
    agreed,
    begin_checkout,
    bill,
    choose_address,
    choose_delivery,
    choose_payment,
)
from wholesale.orders.actions.crediting import take_back, take_back_rest
from wholesale.orders.actions.moving import advance, become, lock, locked, move_order, party
from wholesale.orders.actions.placing import (
    ABOVE_LIMIT,
    CHANGED,
    Choices,
    check_verified,
    copied_address,
    finish_checkout,
    place_order,
    ready,
    record_purchase,
)
from wholesale.orders.actions.shipping import send, send_rest

__all__ = [
    "ABOVE_LIMIT",
    "CHANGED",
    "Bill",
    "Choices",
    "advance",
    "agreed",
    "become",
    "begin_checkout",
    "bill",
    "check_verified",
    "choose_address",
    "choose_delivery",
    "choose_payment",
    "copied_address",
    "finish_checkout",
    "lock",
    "locked",
    "move_order",
    "party",
    "place_order",
    "ready",
    "record_purchase",
    "send",
    "send_rest",
    "take_back",
    "take_back_rest",
]
