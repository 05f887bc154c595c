"""Pages about runs: curves of their history, pictures and scores as HTML. They know a run's files, and no MXNet."""
