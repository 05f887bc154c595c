"""`python -m benchmarks.explorer`: the time from a request of the explorer to its image, through a real server.

The run has the recipe `dcgan` at its published size, 64×64 pixels with 3 channels, and one step of training: the time
does not depend on the weights. Each request has another seed, and steps along eight directions; its answer holds the
image and D's score. Requests for the nearest training image are measured apart: the page asks for it after the image.
"""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np

import mxgan
from benchmarks.machine import busy_cpus, describe

STEPS = "1,-0.5,2,0,0.25,-1,0.5,1.5"
FIRST = 5  # requests before those that are measured


@click.command()
@click.option("--requests", "count", type=click.IntRange(20), default=300, show_default=True)
@click.option("--run", type=click.Path(exists=True, file_okay=False), help="A run of yours in place of the new one.")
def main(count: int, run) -> None:
    """Print the median and the 95th percentile in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(run).resolve() if run else made(Path(folder) / "runs" / "dcgan")
        command = [sys.executable, "-m", "mxgan", "serve", str(path.parent), "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                port = int(re.search(r":(\d+)/", server.stdout.readline())[1])
                images = measured(port, path.name, "image", count)
                nearest = measured(port, path.name, "nearest", min(count, 100))
            finally:
                server.terminate()
    machine = describe()
    click.echo(f"{machine['cpu']}, {machine['cpus']} CPUs; others keep {busy_cpus():.2f} CPUs busy")
    for what, times in (("image with D's score", images), ("nearest training image", nearest)):
        click.echo(f"{what}: median {np.median(times):.1f} ms, 95 % within {np.percentile(times, 95):.1f} ms")


def made(folder: Path) -> Path:
    """A run of one step."""
    config = mxgan.RunConfig(recipe=mxgan.RECIPES["dcgan"], dataset="digits", steps=1, checkpoint_every=1)
    mxgan.start(config, folder, "none", progress=False).run()
    return folder


def measured(port: int, name: str, what: str, count: int) -> list:
    """Milliseconds of each request, one after the other over one connection."""
    connection, times = http.client.HTTPConnection("127.0.0.1", port, timeout=120), []
    while len(times) < FIRST + count:
        query = f"seed={len(times)}&d={STEPS}"
        began = time.perf_counter()
        connection.request("GET", f"/api/explore/{name}/{what}?{query}", headers={"X-Viewer": "benchmark"})
        answer = connection.getresponse()
        content = json.loads(answer.read())
        took = 1000 * (time.perf_counter() - began)
        if answer.status != 200:
            raise click.ClickException(f"{answer.status}: {content['error']}")
        if content.get("ready", True):
            times.append(took)
        else:
            time.sleep(0.2)  # the training images are being read
    connection.close()
    return times[FIRST:]


if __name__ == "__main__":
    main()
