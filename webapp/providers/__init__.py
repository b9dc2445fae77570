"""Where address books come from, one module a source; none knows another."""
