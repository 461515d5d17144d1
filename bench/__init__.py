"""Benchmarks and crash runs: bounded, on loopback only, as ratios where a baseline exists."""
