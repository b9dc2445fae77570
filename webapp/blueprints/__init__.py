"""HTTP in, HTTP out: one file a noun."""
