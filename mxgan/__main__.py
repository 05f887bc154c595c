"""`python -m mxgan` is the command `mxgan`."""

from mxgan.cli import main

main(prog_name="mxgan")
