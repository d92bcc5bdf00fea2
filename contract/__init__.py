"""Holds the API to its description: linters, a fuzzer, and clients made from it."""
