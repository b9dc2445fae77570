"""What every `kith` process needs, imported once: tests/programs.py forks them from a process that did this."""

import gc
import importlib
import pkgutil

from sqlalchemy.orm import configure_mappers

import webapp

for found in pkgutil.walk_packages(webapp.__path__, "webapp."):
    if not found.name.startswith(("webapp.migrations", "webapp.proof", "webapp.__main__")):
        importlib.import_module(found.name)
configure_mappers()
gc.freeze()
