"""What users write: options, settings, fixtures, measuring calls, and the results these return."""
