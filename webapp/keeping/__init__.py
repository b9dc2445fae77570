"""Keeping an instance: backups and their restoring, upgrades, new keys, moving to another database."""
