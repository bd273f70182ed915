"""Hostile tools against the running site; README.md tells what each found."""
