"""Pages: screens that show several rooms at once: home, listing and product, sources of the data, jobs.

Vocabulary: **screen** (a page made of the answers of several rooms; what belongs to one room is that room's
own view), **gate** (what stands in the place of prices for somebody who may not see them).
Invariants: nothing is kept or worked out here, so there are neither tables nor rules; whoever may not see
prices gets a page for which none was read.
"""
