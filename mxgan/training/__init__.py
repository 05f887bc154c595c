"""Training of one pair of networks: the step, the trainer, optimisers, checkpoints.

::

    recipe.py           Recipe: networks, objective, optimisers and schedule as one value
    schedule.py         Schedule and InstanceNoise: the order of the updates in a step, the noise on D's input
    noise.py            NoisePool: the numbers of the instance noise, drawn once
    initializers.py     the first parameters
    learning_rates.py   LearningRateSchedule: the learning rate as a function of the step
    scheduled_rate.py   ScheduledRate: such a schedule as MXNet's optimisers ask for it
    adadelta.py         AdaDeltaWithRate, an optimiser that MXNet lacks
    optimizers.py       OptimizerConfig; the optimiser's state as arrays and numbers
    precision.py        passes in bfloat16
    algorithm.py        MXNet's operators or our own
    fast/               our own, compiled for a CPU
    inputs.py           devices, inputs, batches and labels, checked
    pair_symbols.py     PairSymbols: the symbols of a pair, checked, with their inputs
    bound_pair.py       BoundPair: the Modules and their parameters
    averaging.py        WeightAverage: the moving average of a network's weights
    forward.py          a Module for forward passes alone
    step.py             train_step: one step, as the schedule orders it
    actions.py          PairActions: the passes and updates of a step
    pair.py             AdversarialPair: the pair as a whole, and its step
    batches.py          StepBatches: the batches of each step
    metrics.py          accuracy, entropies and losses of the steps
    callback.py         Callback: the hooks around the steps
    every.py            Every: an interval in steps, epochs or minutes
    trainer.py          Trainer: step → epoch → fit
    run_folder.py       RunFolder: the files of a run
    checkpoint.py       saving and loading the training state
    checkpoint_files.py names and checks of a checkpoint's files
    checkpoint_choice.py  the latest, the best, or that of a step
    drawing.py          Drawing: the draw of latents and classes, which all samplers share
    sampler.py          Sampler: images from a generator
"""
