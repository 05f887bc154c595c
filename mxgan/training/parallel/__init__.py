"""Training by several ranks of MPI."""
