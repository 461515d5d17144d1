"""The daily token quota: reservation, settlement, and what is left."""
