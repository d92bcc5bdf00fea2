"""JSON for mobile clients; owns no tables."""
