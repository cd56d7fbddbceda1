"""What follows from records: metrics, verdicts, differences. Pure functions that touch nothing outside."""
