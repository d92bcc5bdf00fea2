"""Discounts a shopper claims, holds and spends once."""
