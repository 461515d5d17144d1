"""A local server with Gemini's REST interface, for development, the demo and tests."""
