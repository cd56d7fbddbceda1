"""Shared by ``benchmarks/`` and ``tests/``."""
