"""Tests of the emulator, through HTTP and through the real SDK."""
