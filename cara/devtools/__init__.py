"""Tools for developer machines: `cara dev`, `demo`, `seed`, local servers and the Gemini emulator."""
