"""The pytest session that the user starts."""
