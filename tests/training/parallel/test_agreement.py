"""The agreement of ranks after a round of callbacks, and a signal that comes in the middle of it."""

from __future__ import annotations

import pytest

import mxgan
from mxgan.training.parallel.ranks import Ranks
from tests.ranks import run_ranks
from tests.support import tiny_config
from tests.tiny_run import checkpoint_faults


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


NAN = """
import sys
import numpy as np
import mxgan
from tests.support import tiny_config

ranks = mxgan.all_ranks()
session = mxgan.start(tiny_config(steps=20, checkpoint_every=int(sys.argv[2])), sys.argv[1], "none", progress=False)
data, next_batch = session.trainer.data, session.trainer.data.next


def spoilt():
    batch = next_batch()
    if ranks.rank == 1 and session.trainer.step == 5:
        batch.data[0][20] = np.nan  # a row of rank 1
    return batch


data.next = spoilt
session.run()
"""


@pytest.mark.parametrize("checkpoint_every", [7, 100])  # rank 0 looks before a save, or both look two steps later
def test_a_divergence_names_the_rank_on_which_it_began(tmp_path, checkpoint_every):
    said = run_ranks(2, NAN, tmp_path / "run", checkpoint_every)
    assert said.returncode == 1
    expected = "in step 6 the discriminator's predictions on real images are not finite on rank 1 ("
    assert expected in said.stderr
    assert checkpoint_faults(tmp_path / "run")[1] == []
