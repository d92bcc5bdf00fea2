"""What the shop learns from its orders, and tells the data platform."""
