"""Where runs come from, one file a way: each hands the engine one run after the other."""
