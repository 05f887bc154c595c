"""The server of `mxgan serve`: the pages of `mxgan.pictures.report` live, and the explorer of a generator."""
