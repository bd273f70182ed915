"""Reports: what was sold, to whom, of what, and what everybody has of it, for the platform and for each seller.

Vocabulary: **figures** (the measures of a period: orders, pieces, sales without tax, tax, delivery, what was taken
back, everybody's share), **rollup** (the figures of one day or month, of all or of one seller, buyer, product or
category, in one currency), **mark** (says that a day's figures must be counted anew), **stale** (a day of which the
ledger knows more than was counted), **margin** (gross profit of sales whose profit is shared, in per cent of them;
of sales under commission the cost is not known, there it is the commission).
Invariants: what belongs to a day are the journals of its orders (placed, taken back, substituted) in the platform's
zone, so that figures and ledger agree to the last unit, and the ledger's proof compares them; a day is counted whole
or not at all, by one job at a time, so that counting it twice changes nothing; currencies are never added up; a
seller reads their own rows only, and of the platform's side nothing.
"""
