"""Other systems that asked to be told of what happens in the shop."""
