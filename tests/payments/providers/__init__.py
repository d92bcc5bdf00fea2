"""Payment providers on this machine, as their public documentation has them."""
