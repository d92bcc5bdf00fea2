"""Facts on their way to other systems, until each of them has them."""
