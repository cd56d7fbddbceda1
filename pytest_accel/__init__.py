"""Performance regression testing of training on accelerators, as a pytest plugin."""
