"""Results of different origin beside each other: a session's report, and what others published."""
