"""Compiling programs ahead of time with XLA, for JAX and TensorFlow."""
