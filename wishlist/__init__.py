"""Products that shoppers keep an eye on."""
