"""`python -m mxgan` is the command `mxgan`."""

from mxgan.cli.commands import main

main(prog_name="mxgan")
