"""Cara, the backend of an AI communication coach."""

__version__ = "0.1.0"
