"""Rules and types that every app shares; knows no other app."""
