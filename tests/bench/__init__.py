"""How quick Kith is, as ratios that are measured in one run on one machine. `make bench` runs it; the tests do not."""
