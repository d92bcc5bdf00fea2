"""Whoever takes money for the shop, one file each; switched on by settings."""
