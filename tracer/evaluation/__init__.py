"""How often the heuristics err: each one run against labelled ground truth."""
