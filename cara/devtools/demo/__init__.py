"""`cara demo`: talks become feedback through every real part, and nothing is left behind."""
