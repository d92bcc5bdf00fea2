"""The ways a message reaches somebody, one file each."""
