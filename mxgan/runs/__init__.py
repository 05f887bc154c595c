"""Runs: from a configuration to a run that is new, resumed, loaded or evaluated.

::

    config.py       RunConfig: all settings of a run
    given.py        settings as users give them: defaults below, names for several, paths
    flag_settings.py  the settings that have a flag of their own
    config_files.py read_config: a file of settings → RunConfig
    config_text.py  RunConfig → a short YAML text
    sweep.py        a file with lists of settings → many runs, each with its folder
    folder_names.py the names of these folders
    jobs.py         trainings as processes, several at a time
    launching/      a training in several processes, by mpirun
    data.py         the data that the recipe needs
    pair.py         the two networks, bound, with first parameters and optimisers
    reference.py    the real images and the networks for the metrics
    restore.py      Rollback: continue after NaN with smaller learning rates
    assembly.py     all objects of a run, put together into a Trainer
    changes.py      comparison of an existing run with the wanted settings
    events.py       begin and end of each training, in events.jsonl
    session.py      start, resume, start_or_resume → Session
    load.py         load_sampler: a generator from a run folder or a file
    discriminator.py  D's features of a run, for projection
    import_sources.py   one half of a pair in a file of another program
    import_networks.py  both halves joined into one network
    imported_run.py     the folder of a run that is imported
    importing.py    import_model: a run of a network that another program has trained
    evaluate.py     evaluate: metrics of a checkpoint's samples
    evaluation_files.py  the files in which a run keeps them
    copies.py       the images in its search for copies
    drawn.py        which weights pictures show, in words
    overview.py     overview: one run as a row of a table; state.py: training, finished, stopped, failed, died
    view.py         run_view: everything that a page shows of a run; scores.py, command.py: parts of it
    comparison.py   compare: settings and scores that differ between runs
"""
