"""The server of `mxgan serve`: the pages of `mxgan.report` live, and the explorer of a generator."""
