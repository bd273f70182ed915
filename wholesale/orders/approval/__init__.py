"""Approval: what a member may not order alone waits for the business's owner or an admin.

Vocabulary: **limit** (what one purchase of a member may cost), **request** (a frozen copy of a cart that is above
it), **asker**, **approver** (an owner or admin, never the asker), **refused line** (taken out, with a comment).
Invariants: a request becomes at most one purchase; nothing is ordered at a price that the approver has not seen;
every change of its state leaves a row. While it waits (APPROVAL_HOURS) its prices hold and its pieces are set aside.
"""
