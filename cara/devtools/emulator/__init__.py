"""A local stand-in that speaks Gemini's REST dialect, for development, the demo and tests."""
