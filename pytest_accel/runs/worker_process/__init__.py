"""Start, watch, talk to and end the process of one run."""
