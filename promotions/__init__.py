"""How a price comes about: one pure function for cart, checkout and API."""
