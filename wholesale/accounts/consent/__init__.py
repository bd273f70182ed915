"""Consent: which version of the terms and of the privacy notice a person has agreed to, and when.

Invariant: what was agreed to is never changed; a new version is agreed to anew.
"""
