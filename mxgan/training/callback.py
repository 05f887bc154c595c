"""`Callback`: the hooks that a trainer calls around its steps."""

from __future__ import annotations

from collections.abc import Iterable

from mxgan.errors import ArgumentError

__all__ = ["Callback", "check_callbacks", "names_in_package"]


class Callback:
    """Hooks that do nothing; override those that you need.

    A callback may read everything of the trainer: `step` (steps done in all), `epoch` (epochs done), `iteration` (steps
    done in this epoch), `pair`, `data`. `trainer.stop(reason)` ends the training after the current step.
    An exception in a hook ends the training: saved files stay, and the run can be resumed.

    Attributes
    ----------
    name : the key of this callback's state in a checkpoint; by default the name of its class. Two callbacks of one
        class need two names: set `name` in the constructor, or on the object.
    told_last : whether it is called after all others; True for a callback that saves their state.

    Example
    -------
    >>> class StopAtAccuracy(mxgan.Callback):
    ...     def on_epoch_end(self, trainer):
    ...         if trainer.epoch >= 3:
    ...             trainer.stop("three epochs are enough")
    >>> mxgan.start(config, callbacks=[StopAtAccuracy()]).run()
    """

    name = "Callback"
    told_last = False

    def __init_subclass__(cls, **settings) -> None:
        super().__init_subclass__(**settings)
        owner = next(base for base in cls.__mro__ if "name" in vars(base))
        if owner is not cls and vars(owner)["name"] == owner.__name__:  # not one that somebody has chosen
            cls.name = cls.__name__

    def on_fit_begin(self, trainer) -> None:
        """Called before the first step of `fit`."""

    def on_step_begin(self, trainer) -> None:
        """Called before each step."""

    def on_step_end(self, trainer, batch, result) -> None:
        """Called after each step; `result` is a StepResult, `batch` the last real mx.io.DataBatch."""

    def on_epoch_end(self, trainer) -> None:
        """Called after the last step of an epoch; `trainer.epoch` already counts that epoch."""

    def on_fit_end(self, trainer) -> None:
        """Called when `fit` has reached its end or was stopped; not after an error."""

    def on_divergence(self, trainer) -> None:
        """Called if another of several ranks has diverged: raise a DivergedError if this rank has diverged too."""

    def close(self, trainer) -> None:
        """Called at the very end, also after an error: release files, windows and other resources."""

    def state(self) -> dict:
        """The values that a checkpoint must hold for this callback to continue exactly: JSON values only.

        Called for each checkpoint, and once before the first step, to find out whether the values can be saved.
        """
        return {}

    def restore(self, state: dict) -> None:
        """Continue from the values of `state`; an empty dict for a checkpoint that was saved without this callback.

        Called when a run is resumed, and after each rollback (`on_nan="rollback"`).
        """


def check_callbacks(callbacks: Iterable) -> None:
    """Raise ArgumentError unless all are callbacks with different names."""
    names: dict = {}
    for callback in callbacks:
        if not isinstance(callback, Callback):
            hint = " (its class, not an object of it)" if isinstance(callback, type) else ""
            raise ArgumentError(
                f"callbacks has {callback!r:.80}{hint}; give objects of subclasses of mxgan.Callback, such as [Own()]."
            )
        if not isinstance(callback.name, str) or not callback.name:
            raise ArgumentError(f"the name of a {type(callback).__name__} is {callback.name!r}; give a text.")
        if callback.name in names:
            raise ArgumentError(
                f"two callbacks have the name {callback.name!r} ({type(names[callback.name]).__name__} and "
                f"{type(callback).__name__}); the name is the key of a callback's state in a checkpoint. Give one of "
                f"them another name, as callback.name = '{callback.name}-2'."
            )
        names[callback.name] = callback


def names_in_package(kind: type = Callback) -> set:
    """The names of mxgan's own callbacks, as far as their modules are loaded."""
    own = {kind.name} if kind.__module__.startswith("mxgan.") else set()
    return own.union(*map(names_in_package, kind.__subclasses__()))
