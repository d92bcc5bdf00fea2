"""Whoever carries the parcels, one file each; switched on by settings."""
