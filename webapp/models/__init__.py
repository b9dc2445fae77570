"""The tables, their types and their named constraints; no verbs."""
