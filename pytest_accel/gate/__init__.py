"""Deciding on one benchmark, against a baseline or against another environment."""
