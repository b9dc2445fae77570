"""The demo: a sample community, and a provider of address books to try it with."""
