"""`python -m webapp` is the command line `kith`."""

from webapp.cli import main

main()
