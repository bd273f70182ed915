"""The role × route table (EX-7, ACC-15): who gets in where, by which method. A route that is not in it fails the build.

Strangers to a thing (an order, a cart line, a case, a document) get 404 although the route would let them in;
that is no column here, because it holds for every route that names a thing by its id or number.
"""

from __future__ import annotations

VISITOR = "visitor"
NEW_BUYER = "unverified buyer"
BUYER = "verified buyer"
MEMBER = "member of a verified buyer"
VIEWER = "viewer of a verified buyer"
NEW_SELLER = "unverified seller"
SELLER = "seller"
ADMIN = "admin"
ACTING = "admin acting for a buyer"

# Where no role in the business is said, it is the owner's.
ROLES = (VISITOR, NEW_BUYER, BUYER, MEMBER, VIEWER, NEW_SELLER, SELLER, ADMIN, ACTING)
EVERYBODY = frozenset(ROLES)
SIGNED_IN = EVERYBODY - {VISITOR}
BUSINESSES = SIGNED_IN - {ADMIN, ACTING}
OWNERS = BUSINESSES - {MEMBER, VIEWER}
WORKING = BUSINESSES - {VIEWER}
PRICES = frozenset({BUYER, MEMBER, VIEWER, SELLER, ADMIN, ACTING})
# Who acts for a buyer fills carts and places orders as a member does, and has no other right of theirs or of staff.
BUYERS = frozenset({BUYER, MEMBER, ACTING})
SEEING_CARTS = BUYERS | {VIEWER}
BUYING = frozenset({NEW_BUYER, BUYER, MEMBER, VIEWER})
APPROVING = frozenset({NEW_BUYER, BUYER})
SELLERS = frozenset({NEW_SELLER, SELLER})
PLATFORM = frozenset({ADMIN})

# What a path names that is the same for everybody: a product's slug, a picture's key, a language, a job.
PUBLIC_NAMES = {"slug", "key", "code", "name", "filename", "token"}
# A line that is gone already is no error, and a stranger's line looks the same: 303, and nothing is removed.
GONE_IS_FINE = {"cart.remove"}

WHO = {
    ("acting.choose", "GET"): PLATFORM,
    ("acting.start", "POST"): PLATFORM,
    ("acting.stop", "POST"): SIGNED_IN,
    ("approvals.approve", "POST"): APPROVING,
    ("approvals.badge", "GET"): APPROVING,
    ("approvals.overview", "GET"): BUYING,
    ("approvals.refuse", "POST"): APPROVING,
    ("approvals.refuse_line", "POST"): APPROVING,
    ("approvals.show", "GET"): BUYING,
    ("approvals.take_line_back", "POST"): APPROVING,
    ("approvals.withdraw", "POST"): BUYING,
    ("checkout.ask_approval", "POST"): BUYERS,
    ("accounts.account", "GET"): SIGNED_IN,
    ("accounts.account", "POST"): SIGNED_IN,
    ("accounts.change_email", "GET"): SIGNED_IN,
    ("accounts.change_email", "POST"): SIGNED_IN,
    ("accounts.change_password", "GET"): SIGNED_IN,
    ("accounts.change_password", "POST"): SIGNED_IN,
    ("accounts.check_identity", "POST"): SIGNED_IN,
    ("accounts.check_login", "POST"): EVERYBODY,
    ("accounts.confirm", "GET"): SIGNED_IN,
    ("accounts.confirm_email", "GET"): EVERYBODY,
    ("accounts.confirm_phone", "POST"): SIGNED_IN,
    ("accounts.devices", "GET"): SIGNED_IN,
    ("accounts.email_confirmed", "POST"): EVERYBODY,
    ("accounts.failures", "GET"): PLATFORM,
    ("accounts.forgot_password", "GET"): EVERYBODY,
    ("accounts.forgot_password", "POST"): EVERYBODY,
    ("accounts.letter_sent", "GET"): EVERYBODY,
    ("accounts.lift_pause", "POST"): PLATFORM,
    ("accounts.login", "GET"): EVERYBODY,
    ("accounts.logout", "POST"): EVERYBODY,
    ("accounts.new_password", "GET"): EVERYBODY,
    ("accounts.phone", "GET"): SIGNED_IN,
    ("accounts.phone", "POST"): SIGNED_IN,
    ("accounts.reset_password", "POST"): EVERYBODY,
    ("accounts.send_confirmation", "POST"): SIGNED_IN,
    ("accounts.sign_out_device", "POST"): SIGNED_IN,
    ("accounts.sign_out_others", "POST"): SIGNED_IN,
    ("audit.entry", "GET"): PLATFORM,
    ("audit.everything", "GET"): PLATFORM,
    ("audit.export", "POST"): PLATFORM,
    ("audit.own", "GET"): OWNERS,
    ("cart.accept_prices", "POST"): BUYERS,
    ("cart.badge", "GET"): SEEING_CARTS,
    ("cart.put", "POST"): BUYERS,
    ("cart.remove", "POST"): BUYERS,
    ("cart.show", "GET"): SEEING_CARTS,
    ("cart.update", "POST"): BUYERS,
    ("checkout.add_address", "POST"): BUYERS,
    ("checkout.address", "GET"): BUYERS,
    ("checkout.begin", "GET"): BUYERS,
    ("checkout.choose_address", "POST"): BUYERS,
    ("checkout.choose_delivery", "POST"): BUYERS,
    ("checkout.choose_payment", "POST"): BUYERS,
    ("checkout.confirmation", "GET"): SEEING_CARTS,
    ("checkout.delivery", "GET"): BUYERS,
    ("checkout.payment", "GET"): BUYERS,
    ("checkout.place", "POST"): BUYERS,
    ("checkout.review", "GET"): BUYERS,
    ("health.alive", "GET"): EVERYBODY,
    ("health.ready", "GET"): EVERYBODY,
    ("invoicing.ask", "POST"): SIGNED_IN,
    ("invoicing.download", "GET"): SIGNED_IN,
    ("invoicing.status", "GET"): SIGNED_IN,
    ("jobs.overview", "GET"): PLATFORM,
    ("jobs.restart", "POST"): PLATFORM,
    ("jobs.run", "POST"): PLATFORM,
    ("messages.kept", "GET"): EVERYBODY,
    ("messages.outbox", "GET"): EVERYBODY,
    ("messages.overview", "GET"): PLATFORM,
    ("messages.restart", "POST"): PLATFORM,
    ("orders.history", "GET"): SIGNED_IN,
    ("orders.incoming", "GET"): SELLERS,
    ("orders.move", "POST"): SIGNED_IN,
    ("orders.order", "GET"): SIGNED_IN,
    ("organizations.act_for", "POST"): SIGNED_IN,
    ("organizations.address", "GET"): WORKING,
    ("organizations.address", "POST"): WORKING,
    ("organizations.addresses", "GET"): BUSINESSES,
    ("organizations.edit", "GET"): OWNERS,
    ("organizations.edit", "POST"): OWNERS,
    ("organizations.hand_over", "POST"): OWNERS,
    ("organizations.invitation", "GET"): EVERYBODY,
    ("organizations.invite", "GET"): OWNERS,
    ("organizations.invite", "POST"): OWNERS,
    ("organizations.join", "POST"): SIGNED_IN,
    ("organizations.join_as_new", "POST"): EVERYBODY,
    ("organizations.leave", "POST"): BUSINESSES,
    ("organizations.new", "GET"): SIGNED_IN,
    ("organizations.new", "POST"): SIGNED_IN,
    ("organizations.new_address", "GET"): WORKING,
    ("organizations.new_address", "POST"): WORKING,
    ("organizations.overview", "GET"): BUSINESSES,
    ("organizations.people", "GET"): BUSINESSES,
    ("organizations.person", "GET"): OWNERS,
    ("organizations.person", "POST"): OWNERS,
    ("organizations.remove", "POST"): OWNERS,
    ("organizations.remove_address", "POST"): WORKING,
    ("organizations.renew", "POST"): OWNERS,
    ("organizations.switch", "GET"): SIGNED_IN,
    ("organizations.withdraw", "POST"): OWNERS,
    ("pages.home", "GET"): EVERYBODY,
    ("pages.language", "GET"): EVERYBODY,
    ("pages.listing", "GET"): EVERYBODY,
    ("pages.media", "GET"): EVERYBODY,
    ("pages.product", "GET"): EVERYBODY,
    ("pages.sources", "GET"): EVERYBODY,
    ("pages.styleguide", "GET"): EVERYBODY,
    ("payments.awaiting", "GET"): PLATFORM,
    ("payments.record", "POST"): PLATFORM,
    ("payments.state", "GET"): SIGNED_IN,
    ("pricing.calculator", "GET"): PRICES,
    ("second_factor.app", "GET"): SIGNED_IN,
    ("second_factor.ask", "GET"): EVERYBODY,
    ("second_factor.check_code", "POST"): EVERYBODY,
    ("second_factor.check_passkey", "POST"): EVERYBODY,
    ("second_factor.check_recovery_code", "POST"): EVERYBODY,
    ("second_factor.codes_kept", "POST"): SIGNED_IN,
    ("second_factor.confirm_app", "POST"): SIGNED_IN,
    ("second_factor.confirm_by_passkey", "POST"): SIGNED_IN,
    ("second_factor.options", "POST"): EVERYBODY,
    ("second_factor.overview", "GET"): SIGNED_IN,
    ("second_factor.recovery_codes", "GET"): SIGNED_IN,
    ("second_factor.recovery_codes_file", "GET"): SIGNED_IN,
    ("second_factor.register_passkey", "POST"): SIGNED_IN,
    ("second_factor.registration_options", "POST"): SIGNED_IN,
    ("second_factor.remove_app", "POST"): SIGNED_IN,
    ("second_factor.remove_passkey", "POST"): SIGNED_IN,
    ("second_factor.rename_passkey", "POST"): SIGNED_IN,
    ("second_factor.renew_codes", "POST"): SIGNED_IN,
    ("second_factor.sign_in_by_passkey", "POST"): EVERYBODY,
    ("privacy.agree", "POST"): SIGNED_IN,
    ("privacy.download", "GET"): SIGNED_IN,
    ("privacy.notice", "GET"): EVERYBODY,
    ("privacy.overview", "GET"): SIGNED_IN,
    ("privacy.request_download", "POST"): SIGNED_IN,
    ("privacy.request_erasure", "POST"): SIGNED_IN,
    ("privacy.terms", "GET"): EVERYBODY,
    ("privacy.withdraw_erasure", "POST"): SIGNED_IN,
    ("verification.case", "GET"): PLATFORM,
    ("verification.decide", "POST"): PLATFORM,
    ("verification.document", "GET"): SIGNED_IN,
    ("verification.partnership", "POST"): PLATFORM,
    ("verification.preview", "GET"): SIGNED_IN,
    ("verification.queue", "GET"): PLATFORM,
    ("verification.register", "GET"): EVERYBODY,
    ("verification.register", "POST"): EVERYBODY,
    ("verification.review", "POST"): PLATFORM,
    ("verification.status", "GET"): BUSINESSES,
    ("verification.status", "POST"): OWNERS,
    ("verification.waive", "POST"): PLATFORM,
}
