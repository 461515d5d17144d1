"""Accounts: registration, sign-in, tokens, passwords, profiles, export and deletion."""
