"""How an order can reach the shopper, and what that costs."""
