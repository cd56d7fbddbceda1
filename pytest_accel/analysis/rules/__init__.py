"""How observations become verdicts: one file a kind of observation. Pure, on records and stats."""
