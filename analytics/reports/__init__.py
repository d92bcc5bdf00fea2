"""What staff ask of the past: sales, customers, campaigns, the way to an order.

Reads only. Days are shop days, money is in minor units.
"""
