"""Who the shoppers and the staff are."""
