"""What runs beside the test, in the process of a run."""
