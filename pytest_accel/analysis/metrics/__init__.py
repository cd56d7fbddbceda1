"""What runs are summed up in: times, curves and compiled programs."""
