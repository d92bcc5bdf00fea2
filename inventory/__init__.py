"""How much of each product is left, and every movement that made it so."""
