"""Tests of the API, through HTTP, with every answer held against its description."""
