"""Search: finding goods by what people type, in either language, with typing errors, and by filters.

Vocabulary: **word** (of the catalogue's own vocabulary), **sound key** (how a word sounds, the same for "chal" and
চাল), **synonym** (words that admins declare equal), **miss** (a search that found nothing), **facet** (a filter's
value and how many goods have it).
Invariants: whoever may not see prices can neither sort, filter nor count by them; page 1,000 costs what page 1 costs.
"""
