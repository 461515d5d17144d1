"""Local servers and supervised processes for `cara dev`, the demo and the tests."""
