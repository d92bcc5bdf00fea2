"""The races, by what they are about; each returns an ``Outcome``."""
