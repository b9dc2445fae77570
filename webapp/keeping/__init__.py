"""Keeping an instance: backups and their restoring, upgrades, new keys, moving to another database.

`backup` writes, `restoring` reads; `container` is the file between them. `tables` carries rows from one engine to the other, `settling`
ends what a backup must not bring back to life, `running` says whether Kith is in use.
"""
