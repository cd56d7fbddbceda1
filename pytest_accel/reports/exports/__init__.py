"""A session's report in the formats of other tools, a file each: ``text`` or ``write``."""
