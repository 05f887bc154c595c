"""One pair of networks in training: the step, the trainer, optimisers, checkpoints."""
