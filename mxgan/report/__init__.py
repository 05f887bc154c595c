"""Pages about runs: curves of their history, their pictures and scores as HTML; knows files of a run, no parts."""
