"""Keeping an instance: backups and their restoring, upgrades, new keys, moving to another database.

`backup` writes, `restoring` reads; `container` is the file between them. `settling` ends what a backup must not bring back to life, and
`merging` takes over what was refused since. `moving` goes to another database; `tables` carries rows from one engine to the other. `keys`
makes new ones. `running` and `serving` say whether Kith is in use.
"""
