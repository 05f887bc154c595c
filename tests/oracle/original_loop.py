"""MXNet's DCGAN example once more, plain, with nothing of mxgan in it: what the package is compared with.

One discriminator executor does everything, gradients are copied and added parameter by parameter, and the layers
are written out by hand. Initial weights, latents and batches come from the test.
"""

from __future__ import annotations

import mxnet as mx
import numpy as np

EPS = 1e-5 + 1e-12


def symbols(ngf: int, ndf: int, nc: int, no_bias: bool = True, fix_gamma: bool = True, eps: float = EPS) -> tuple:
    s = mx.sym
    up = {"kernel": (4, 4), "stride": (2, 2), "pad": (1, 1), "no_bias": no_bias}

    def norm(x, name):
        return s.BatchNorm(x, name=name, fix_gamma=fix_gamma, eps=eps)

    x = s.Deconvolution(s.var("rand"), name="g1", kernel=(4, 4), num_filter=ngf * 8, no_bias=no_bias)
    x = s.Activation(norm(x, "gbn1"), name="gact1", act_type="relu")
    x = s.Deconvolution(x, name="g2", num_filter=ngf * 4, **up)
    x = s.Activation(norm(x, "gbn2"), name="gact2", act_type="relu")
    x = s.Deconvolution(x, name="g3", num_filter=ngf * 2, **up)
    x = s.Activation(norm(x, "gbn3"), name="gact3", act_type="relu")
    x = s.Deconvolution(x, name="g4", num_filter=ngf, **up)
    x = s.Activation(norm(x, "gbn4"), name="gact4", act_type="relu")
    x = s.Deconvolution(x, name="g5", num_filter=nc, **up)
    generator = s.Activation(x, name="gact5", act_type="tanh")

    y = s.Convolution(s.var("data"), name="d1", num_filter=ndf, **up)
    y = s.LeakyReLU(y, name="dact1", act_type="leaky", slope=0.2)
    y = norm(s.Convolution(y, name="d2", num_filter=ndf * 2, **up), "dbn2")
    y = s.LeakyReLU(y, name="dact2", act_type="leaky", slope=0.2)
    y = norm(s.Convolution(y, name="d3", num_filter=ndf * 4, **up), "dbn3")
    y = s.LeakyReLU(y, name="dact3", act_type="leaky", slope=0.2)
    y = norm(s.Convolution(y, name="d4", num_filter=ndf * 8, **up), "dbn4")
    y = s.LeakyReLU(y, name="dact4", act_type="leaky", slope=0.2)
    y = s.Flatten(s.Convolution(y, name="d5", kernel=(4, 4), num_filter=1, no_bias=no_bias))
    return generator, s.LogisticRegressionOutput(data=y, label=s.var("label"), name="dloss")


class OriginalLoop:
    """The example's training loop as an object: `step` returns its six numbers' ingredients as NumPy arrays."""

    def __init__(self, ngf, ndf, nc, batch_size, lr=2e-4, beta1=0.5, real_label=1.0, **layers) -> None:
        generator, discriminator = symbols(ngf, ndf, nc, **layers)
        self.real_label = real_label
        self.batch_size = batch_size
        self.mod_g = mx.mod.Module(generator, data_names=("rand",), label_names=None, context=mx.cpu())
        self.mod_g.bind(data_shapes=[("rand", (batch_size, 100, 1, 1))])
        self.mod_d = mx.mod.Module(discriminator, data_names=("data",), label_names=("label",), context=mx.cpu())
        self.mod_d.bind(
            data_shapes=[("data", (batch_size, nc, 64, 64))],
            label_shapes=[("label", (batch_size,))],
            inputs_need_grad=True,
        )
        for module in (self.mod_g, self.mod_d):
            module.init_params(mx.init.Normal(0.02))
            module.init_optimizer(optimizer="adam", optimizer_params={"learning_rate": lr, "wd": 0.0, "beta1": beta1})

    def set_params(self, generator: tuple, discriminator: tuple) -> None:
        self.mod_g.set_params(*generator)
        self.mod_d.set_params(*discriminator)

    def params(self) -> dict:
        """Every parameter and BatchNorm statistic of both networks."""
        mx.nd.waitall()
        found = {}
        for module in (self.mod_g, self.mod_d):
            for group in module.get_params():
                found.update({name: value.asnumpy() for name, value in group.items()})
        return found

    def step(self, latents: np.ndarray, images: np.ndarray) -> dict:
        self.mod_g.forward(mx.io.DataBatch([mx.nd.array(latents)], None), is_train=True)
        fake = self.mod_g.get_outputs()
        zeros, ones = mx.nd.zeros((self.batch_size,)), mx.nd.ones((self.batch_size,))

        self.mod_d.forward(mx.io.DataBatch(fake, [zeros]), is_train=True)
        self.mod_d.backward()
        fake_prediction = self.mod_d.get_outputs()[0].asnumpy()
        kept = [[g.copyto(g.context) for g in devices] for devices in self.mod_d._exec_group.grad_arrays]

        self.mod_d.forward(mx.io.DataBatch([mx.nd.array(images)], [ones * self.real_label]), is_train=True)
        self.mod_d.backward()
        real_prediction = self.mod_d.get_outputs()[0].asnumpy()
        for real_devices, fake_devices in zip(self.mod_d._exec_group.grad_arrays, kept):
            for real_gradient, fake_gradient in zip(real_devices, fake_devices):
                real_gradient += fake_gradient
        self.mod_d.update()

        self.mod_d.forward(mx.io.DataBatch(fake, [ones]), is_train=True)
        self.mod_d.backward()
        gradient = self.mod_d.get_input_grads()
        self.mod_g.backward(gradient)
        self.mod_g.update()
        return {
            "fake": fake[0].asnumpy(),
            "fake_prediction": fake_prediction,
            "real_prediction": real_prediction,
            "generator_prediction": self.mod_d.get_outputs()[0].asnumpy(),
            "input_gradient": gradient[0].asnumpy(),
        }
