"""Talking with the coach: `POST /api/gemini/process`, whole or streamed."""
