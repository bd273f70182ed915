"""Adapters between the rooms and the world: database, transaction, outbox, jobs, HTTP, files, PDF.

Nothing here knows a business rule. `kernel` is below it, every room above.
"""
