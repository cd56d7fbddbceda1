"""What runs beside the test, in a worker process."""
