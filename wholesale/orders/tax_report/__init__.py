"""Which tax was charged, month by month (MON-10).

An order counts in the month in which it was confirmed, for then it is invoiced; what was taken back of it counts in the
month in which that happened, never before its order. What is placed and not confirmed yet is in the ledger already and
is told apart, so that the report agrees with the ledger's `tax_pending` and `tax_payable` to the last unit (`proof`).
Months are the platform's. The country is the seller's.
"""
