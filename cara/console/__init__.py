"""The page at /console: everything that Cara does for a learner, to try in a browser."""
