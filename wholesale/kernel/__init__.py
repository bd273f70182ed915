"""Pure vocabulary shared by all rooms: money, clock, errors, events, states, the actor.

Nothing here imports Flask or SQLAlchemy (kept by import-linter).
"""
