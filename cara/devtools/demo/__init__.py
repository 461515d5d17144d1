"""`cara demo`: talks become feedback through every part of Cara, and nothing is left behind."""
