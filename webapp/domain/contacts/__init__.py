"""Contacts: an address book is read once, compared, shown, and forgotten."""
