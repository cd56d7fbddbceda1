"""Performance regression testing of training on accelerators, as a pytest plugin.

PYTEST_DONT_REWRITE: there are no tests in here, and in a run pytest finds these modules imported already.
"""
