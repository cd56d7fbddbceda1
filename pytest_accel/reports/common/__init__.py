"""What several reports need: the JSON report, tables, sentences, and writing files whole."""
