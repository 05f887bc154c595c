"""`python -m benchmarks.rank_step JSON`: the seconds of training steps of one rank, with its exchange and without it.

Under mpirun each rank runs it; rank 0 prints one line of JSON for each part of a batch. Without mpirun it is the only
rank, and nothing is exchanged.
"""

from __future__ import annotations

import json
import statistics
import sys
import time

__all__ = ["Steps", "main"]


class Steps:
    """Steps of DCGAN on random inputs, 3 × 64 × 64 unless told otherwise, by all ranks of this process's job.

    Parameters
    ----------
    width : of both networks. part : images of each rank. size : of an image. compression : as in RunConfig.
    """

    def __init__(self, width: int, part: int, size: int = 64, compression=None) -> None:
        from benchmarks.ours import _inputs, _pair
        from mxgan.training.parallel.mpi_ranks import all_ranks

        self.ranks = all_ranks()
        self._pair = _pair(part * self.ranks.size, 3, width, size, ranks=self.ranks)
        self.ranks.compress(compression)
        self._inputs, self._exchange = _inputs(self._pair), self.ranks.exchange
        self._exchanged: list = []
        self.ranks.exchange = self._keep
        self.step()
        self.ranks.exchange = self._exchange

    def _keep(self, *arrays) -> None:
        """Keep what a step would exchange, to exchange it again and again."""
        self._exchanged.append(arrays)

    @property
    def bytes(self) -> int:
        """Bytes of all arrays that the ranks exchange in one step."""
        return sum(4 * array.size for call in self._exchanged for arrays in call for array in arrays)

    def step(self) -> None:
        """One step and all that the trainer's step waits for."""
        from mxgan.runtime import mx

        self._pair.step(*next(self._inputs)).of_whole_batch(self.ranks)
        self.ranks.any(False)
        mx.nd.waitall()

    def exchange(self) -> None:
        """The exchanges of one step, of arrays that are computed already."""
        for arrays in self._exchanged:
            self._exchange(*arrays)

    def compute(self) -> None:
        """One step without its exchanges; the ranks compute at the same time, and then differ."""
        self.ranks.exchange = lambda *arrays: None
        self.step()
        self.ranks.exchange = self._exchange

    def nothing(self) -> None:
        """A message to all, the shortest exchange that there is."""
        self.ranks.any(False)

    def seconds(self, work, rounds: int) -> float:
        """The median seconds of `work`; each time all ranks begin together, and the first round is not counted."""
        found = []
        for _ in range(rounds + 1):
            self.ranks.barrier()
            began = time.perf_counter()
            work()
            self.ranks.barrier()
            found.append(time.perf_counter() - began)
        return statistics.median(found[1:])


def main() -> None:
    """Measure as the JSON in the first argument says: width, parts, rounds, and what `Steps` takes."""
    asked = json.loads(sys.argv[1])
    rounds, parts = asked.pop("rounds"), asked.pop("parts")
    for part in parts:
        steps = Steps(part=part, **asked)
        told = {"part": part, "ranks": steps.ranks.size, "bytes": steps.bytes}
        for name in ("compute", *(("step", "exchange", "nothing") if steps.ranks.size > 1 else ())):
            told[name] = steps.seconds(getattr(steps, name), rounds)
        if steps.ranks.is_first:
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
