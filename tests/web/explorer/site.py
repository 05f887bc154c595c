"""A folder of runs behind a real server in this process, for the tests of the explorer."""

from __future__ import annotations

import base64
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Optional
from urllib.parse import quote

import numpy as np
import pytest

import mxgan
from mxgan.evaluation.reference import image_chunks
from mxgan.export import write_model
from mxgan.export.model import Model
from mxgan.runtime import cv2, mx
from mxgan.runtime.draws import rng_for
from tests.support import tiny_config
from tests.web.serving import Answer, Client

pytest.importorskip("uvicorn", reason="the server needs the extra web")

from mxgan.web.addresses import listen, names_of, resolved
from mxgan.web.app import make_app
from mxgan.web.explorer.routes import explorer_routes
from mxgan.web.explorer.studio import Studio
from mxgan.web.server import server_of
from mxgan.web.site import Site
from mxgan.web.tokens import Token

BY_CLASS = "by <b>class & co"  # a name that must not become a part of the page's HTML
SIDE = 16


@cache
def digits() -> tuple:
    """(images (1437, 1, 16, 16) in [-1, 1], labels) that runs on digits are trained on, in their order."""
    data = mxgan.open_dataset("digits", image_size=SIDE, channels=1, batch_size=256, shuffle=False)
    parts = list(image_chunks(data, data.num_images))
    return np.concatenate([images for images, _ in parts]), np.concatenate([labels for _, labels in parts]).astype(int)


def run_by_class(folder: Path) -> Path:
    """A run of a generator whose class decides the image: the mean of the digits, less sure along the latent."""
    images, labels = digits()
    means = np.stack([images[labels == label].mean(axis=0).ravel() for label in range(10)], axis=1)  # (256, 10)
    moving = rng_for("explorer", 0, 0).standard_normal((SIDE * SIDE, 6), dtype=np.float32) * np.linspace(0.1, 0.01, 6)
    hot = mx.sym.one_hot(mx.sym.Variable("class_label"), depth=10)
    sizes = {"num_hidden": SIDE * SIDE, "no_bias": True}
    of_class = mx.sym.FullyConnected(hot, name="g_class", **sizes)
    of_latent = mx.sym.FullyConnected(mx.sym.Variable("rand"), name="g1", **sizes)
    symbol = mx.sym.Reshape(mx.sym.tanh(of_class + of_latent), shape=(-1, 1, SIDE, SIDE))
    arrays = {"g_class_weight": 2 * means.astype(np.float32), "g1_weight": moving.astype(np.float32)}
    model = Model(symbol, arrays, {"rand": (6,), "class_label": ()}, "generator", 10, latent_distribution="uniform")
    exported = folder.parent / "exported by class"
    exported.mkdir()
    write_model(model, exported, "npz")
    return mxgan.import_model(exported, folder, dataset="digits")


def run_with_average(folder: Path) -> Path:
    """A trained run: checkpoints of steps 8 and 16, D, an average of the weights."""
    config = tiny_config(steps=16)
    config = replace(config, recipe=replace(config.recipe, ema=0.5))
    mxgan.start(config, folder, "none", progress=False).run()
    return folder


def pixels_of(picture) -> np.ndarray:
    """The pixels (H, W, 3), RGB, of a PNG as bytes or as a data: URI."""
    content = base64.b64decode(picture.partition(",")[2]) if isinstance(picture, str) else picture
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


class Served(Client):
    """A server of the runs below `folder`."""

    def __init__(self, folder: Path, studio: Studio, port: int) -> None:
        self.folder, self.studio, self.port = folder, studio, port

    def page(self, run: str, query: str = "") -> str:
        """The address of a run's explorer."""
        return f"http://127.0.0.1:{self.port}/explore/{quote(run, safe='')}/{query and '?'}{query}"

    def ask(self, run: str, what: str, query: str = "", **headers: str) -> Answer:
        """An answer of the API."""
        return self.get(f"/api/explore/{quote(run, safe='')}/{what}?{query}", host="localhost", **headers)

    def image(self, run: str, query: str = "") -> np.ndarray:
        """The pixels (H, W, 3) of the image of a query."""
        return pixels_of(self.ask(run, "image", query).json["image"])

    def nearest(self, run: str, query: str) -> dict:
        """The answer about the nearest training image, once the images are read."""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            found = self.ask(run, "nearest", query)
            if found.status != 200 or found.json["ready"]:
                return found.json
            time.sleep(0.05)
        raise AssertionError("the training images were never read")


@contextmanager
def served(folder: Path, token: Optional[str] = None, **settings):
    """A `Served` on a free port, in a thread; `settings` are those of the studio."""
    site, studio, address = Site(folder), Studio(**settings), resolved("127.0.0.1")
    site.more_pages["Explore"] = "explore"
    with listen(address, 0) as listener:
        port = listener.getsockname()[1]
        checked = token and Token(token, port)
        server = server_of(make_app(site, names_of(address, []), checked, explorer_routes(studio)))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            yield Served(folder, studio, port)
        finally:
            server.should_exit = True
            thread.join()
            studio.close()
