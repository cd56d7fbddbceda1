"""What all frameworks share, and what knows none of them."""
