"""Events, roll-ups, and the statistics and adoption that are read from them."""
