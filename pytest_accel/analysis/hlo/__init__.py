"""Optimized programs (XLA's HLO) read from their text: what they compute, move and exchange. Pure."""
