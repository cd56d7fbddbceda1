"""What a session's results look like from outside, one file a format."""
