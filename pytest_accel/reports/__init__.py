"""What the results of a session look like from outside.

One file here per format that a session writes itself, from its results; ``html`` and ``common/json_writer``
are larger ones. ``exports`` has what ``pytest-accel export`` makes of a JSON report afterwards, and
``comparison`` sets several reports side by side.
"""
