"""How revenue is shared between platform and sellers: set, looked ahead, ended, called off (MON-1).

Vocabulary: **scope** (the platform, a category, a seller's agreement, a product: the most specific rule holds),
**rule** (profit share or commission with percentages, from a day on), **hidden** (products for which a more specific
rule holds, which a change does not touch), **preview** (last month's lines shared by the rule that is being set).
Invariants: a rule is never changed, another takes over; only one whose day has not come can be called off; orders
keep what they were made with; nobody but the platform's admins reads a percentage.
"""
