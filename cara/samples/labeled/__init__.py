"""Short talks with labels, for `cara evaluate`."""
