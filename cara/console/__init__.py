"""The page at /console: everything that Cara does for a learner, to be seen working in a browser."""
