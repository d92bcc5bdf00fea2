"""The point ledger: charged, used, given back, never below zero."""
