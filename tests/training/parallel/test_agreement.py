"""The agreement of ranks after a round of callbacks, and a signal that comes in the middle of it."""

from __future__ import annotations

import mxgan
from mxgan.training.parallel.ranks import Ranks
from tests.support import tiny_config


class Late(Ranks):
    """Ranks of which none wants to stop; while they agree on that, a signal comes."""

    size = 2

    def __init__(self, trainer) -> None:
        self._trainer = trainer

    def any(self, flag: bool) -> bool:
        self._trainer.stop("SIGTERM")
        return flag

    def gathered(self, value) -> list:
        return [value]


def test_a_signal_during_the_agreement_counts_at_the_next_one(tmp_path):
    session = mxgan.start(tiny_config(steps=1), tmp_path / "run", "none", progress=False)
    trainer = session.trainer
    trainer.pair.ranks = Late(trainer)
    with trainer._agreement():
        pass
    assert trainer.stopping == "SIGTERM"
    assert not trainer._done(None, None)
    with trainer._agreement():
        pass
    assert trainer._done(None, None)
    session.lock.release()
