"""A wholesale marketplace: server-driven HTML, real PostgreSQL, real Redis.

Every feature is a room (a package here) with the same drawers; `docs/map.md` lists them.
"""
