"""A JSON report in the formats of other tools, one file per format; ``cli/export.py`` lists them.

A format is ``text(report)``, or ``write(report, folder)`` where it is several files.
"""
