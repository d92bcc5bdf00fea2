"""The process from a list of products to a paid order; owns no tables."""
