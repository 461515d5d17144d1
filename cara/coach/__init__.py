"""Talking with the coach: `POST /process`, whole or streamed."""
