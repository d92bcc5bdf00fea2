"""Races that try to break the shop's rules, on a database made for them."""
