"""What can be done with orders."""

from wholesale.orders.actions.cancelling import cancel_pieces, cancel_purchase
from wholesale.orders.actions.checkout import (
    Bill,
    agreed,
    begin_checkout,
    bill,
    choose_address,
    choose_delivery,
    choose_payment,
    seen,
)
from wholesale.orders.actions.completing import complete_old
from wholesale.orders.actions.crediting import take_back, take_back_rest
from wholesale.orders.actions.crowds import TOGETHER, Outcome, move_many
from wholesale.orders.actions.fulfilling import deliver, ship
from wholesale.orders.actions.keepers import kept_open_by
from wholesale.orders.actions.moving import (
    advance,
    become,
    check_may_move,
    follow_pieces,
    lock,
    locked,
    move_order,
    party,
)
from wholesale.orders.actions.placing import (
    ABOVE_LIMIT,
    CHANGED,
    Choices,
    check_verified,
    finish_checkout,
    place_order,
    ready,
    record_purchase,
)
from wholesale.orders.actions.shipping import send, send_rest

__all__ = [
    "ABOVE_LIMIT",
    "CHANGED",
    "TOGETHER",
    "Bill",
    "Choices",
    "Outcome",
    "advance",
    "agreed",
    "become",
    "begin_checkout",
    "bill",
    "cancel_pieces",
    "cancel_purchase",
    "check_may_move",
    "check_verified",
    "choose_address",
    "choose_delivery",
    "choose_payment",
    "complete_old",
    "deliver",
    "finish_checkout",
    "follow_pieces",
    "kept_open_by",
    "lock",
    "locked",
    "move_many",
    "move_order",
    "party",
    "place_order",
    "ready",
    "record_purchase",
    "seen",
    "send",
    "send_rest",
    "ship",
    "take_back",
    "take_back_rest",
]
