"""Sources of runs: each module is one way to obtain the runs of a benchmark."""
