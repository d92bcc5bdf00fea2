"""Fills an empty shop with a past: who bought what, when, and how it was paid."""
