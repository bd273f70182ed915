"""Papers: what goes with an order beside its invoice, and many of its papers at once.

Vocabulary: **order confirmation** (what was agreed, with prices), **packing slip** (what is in a parcel, without
prices), **pick list** (what to fetch from the shelves, for one order or many), **bundle** (the invoices of many orders
as one PDF), **month** (a month's invoices and credit notes as they are stored, in one ZIP with an index). A paper is
made by a job from the outbox, in **steps** of a few orders each.
Invariants: a paper belongs to the business that asked for it and to nobody else; each step ends with its transaction,
so that a killed worker loses one step and no step counts twice; what was asked for twice is made once as long as it
is still true; unlike an invoice a paper can be made anew, so it goes after 30 days.
"""
