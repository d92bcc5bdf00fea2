"""Pages for shoppers in a browser; owns no tables."""
