"""A believable shop to look at, and the data platform to talk to."""
