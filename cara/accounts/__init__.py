"""Registering, signing in, tokens and profiles."""
