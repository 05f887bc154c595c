"""`mxgan run` on old-style programs that each need something."""

import os
import re
import shutil
import subprocess

import cv2
import numpy as np
import pytest

from tests.support import long_but

GAN = """
    from __future__ import print_function
    import sys
    import mxnet as mx
    import numpy as np
    import cv2
    import matplotlib.pyplot as plt
    from sklearn.datasets import fetch_mldata
    from mxgan import nets

    print("arguments", sys.argv, "context", mx.gpu(2), "file", open("beside.txt").read())
    X = fetch_mldata("MNIST original", data_home="/nowhere").data.reshape(-1, 1, 28, 28)[:8]
    ctx = [mx.gpu(0)]
    modG = mx.mod.Module(nets.generator(), ("rand",), None, context=ctx)
    modG.bind([("rand", (4, 8, 1, 1))], label_shapes=[])
    modD = mx.mod.Module(nets.discriminator(), ("data",), ("label",), context=ctx)
    data = mx.io.NDArrayIter(X.astype(np.float) / 255, batch_size=4)
    modD.bind(data.provide_data, [("label", (4,))], inputs_need_grad=True)
    for mod in (modG, modD):
        mod.init_params(mx.init.Normal(0.02))
        mod.init_optimizer("adam", optimizer_params={"learning_rate": 0.001})
    updates = {"D": 0, "G": 0}
    label = mx.nd.zeros((4,), ctx=ctx[0])
    while True:
        data.reset()
        for batch in data:
            modG.forward(mx.io.DataBatch([mx.nd.random_normal(shape=(4, 8, 1, 1))], None), is_train=True)
            out = modG.get_outputs()
            label[:] = 1
            modD.forward(mx.io.DataBatch(out, [label]), is_train=True)
            modD.backward()
            modG.backward(modD.get_input_grads())
            modD.update()
            modG.update()
            updates["D"] += 1
            print("updates", updates["D"], out[0].shape)
            picture = np.zeros((np.ceil(np.sqrt(4)) * 28, 56), np.uint8)
            picture[:28, :28] = np.clip(out[0].asnumpy()[0, 0] * 255, 0, 255)
            cv2.namedWindow("gout")
            cv2.imshow("gout", picture)
            cv2.imshow("float window/1", picture / 255.0)
            assert cv2.waitKey(1) == -1
            plt.imshow(picture)
            plt.show()
"""

NETS = """
    import mxnet as mx

    def generator():
        rand = mx.sym.Variable("rand")
        net = mx.sym.Deconvolution(rand, name="g1", kernel=(7, 7), num_filter=16, no_bias=True)
        net = mx.sym.CuDNNBatchNorm(net, name="gbn1", fix_gamma=True)
        net = mx.sym.Deconvolution(net, name="g2", kernel=(4, 4), stride=(2, 2), target_shape=(14, 14), num_filter=16)
        net = mx.sym.Activation(net, act_type="relu")
        return mx.sym.Deconvolution(net, name="g3", kernel=(4, 4), stride=(2, 2), pad=(1, 1), num_filter=1)

    def discriminator():
        flat = mx.sym.Flatten(mx.sym.Variable("data"))
        score = mx.sym.FullyConnected(flat, num_hidden=1, name="d1")
        return mx.sym.LogisticRegressionOutput(score, mx.sym.Variable("label"), name="dloss")
"""


@pytest.fixture
def gan(run, tmp_path):
    return run(
        GAN,
        ["--steps", "3", "--run-dir", tmp_path / "kept"],
        ["--lr", "0.1", "--steps", "9"],
        {"mxgan/__init__.py": "", "mxgan/nets.py": NETS, "beside.txt": "here"},
    )


def test_a_gan_as_of_2016(gan, tmp_path):
    assert gan.returncode == 0, gan.stderr
    lines = gan.stdout.splitlines()
    assert lines[0] == "arguments ['old.py', '--lr', '0.1', '--steps', '9'] context cpu(0) file here"
    assert lines[1:] == [f"updates {step} (4, 1, 28, 28)" for step in (1, 2, 3)]
    said = gan.stderr
    assert said.count("mx.gpu() is mx.cpu(), because MXNet finds no GPU; --gpu keeps it.\n") == 1
    for change in (
        "mx.gpu() is mx.cpu(), because MXNet finds no GPU; --gpu keeps it (old.py:11, old.py:13)",
        "CuDNNBatchNorm is now BatchNorm (mxgan/nets.py:7)",
        "fetch_mldata('MNIST original') served from mxgan's own MNIST (old.py:12)",
        "label_shapes=[] is None (old.py:15)",
        "np.float is gone from NumPy and was given (old.py:17)",
        "sizes that were floats were taken as whole numbers (old.py:37)",
        "windows became PNG files, because there is no display (old.py:40, old.py:41, old.py:44)",
    ):
        assert change in said, said
    pictures = tmp_path / "kept" / "pictures"
    assert f"mxgan run: pictures: 9 in {pictures}\n" in said
    assert said.endswith("mxgan run: the program ended after 3 of 3 updates.\n")
    names = sorted(path.name for path in pictures.iterdir())
    assert names == [f"{title}-00000{i}.png" for title in ("figure-1", "float_window_1", "gout") for i in (1, 2, 3)]
    shown = [cv2.imread(str(pictures / f"{title}-000002.png")) for title in ("gout", "float_window_1")]
    assert shown[0].shape == (56, 56, 3)
    assert shown[0].max() > 0
    np.testing.assert_array_equal(*shown)
    log = (tmp_path / "kept" / "log.txt").read_text()
    assert gan.stdout.splitlines()[2] in log
    assert "windows became PNG files" in log


@pytest.mark.long
def test_python_2_needs_its_flag_and_then_runs(run):
    source = """
        import os
        for i in xrange(2):
            print "half of 7:", 7 / 2, 7 / 2.0
        x = [9]
        x[0] /= 2
        print x, os.path.basename(__file__), {1: 2}.has_key(1)
    """
    refused = run(source)
    assert refused.returncode == 2
    assert "old.py, line 4: Missing parentheses in call to 'print'" in refused.stderr
    assert refused.stderr.rstrip().endswith("If the program is for Python 2, give --python2 before its name.")
    done = run(source, ["--python2", "--show"])
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["half of 7: 3 3.5"] * 2 + ["[4] old.py True"]
    assert '+    print("half of 7:", 7 / 2, 7 / 2.0)' in done.stderr
    assert "`/` between whole numbers gave a whole number, as in Python 2 (old.py:4, old.py:6)" in done.stderr
    assert "Python 2's syntax was translated to Python 3's (old.py)" in done.stderr


MNIST_FORMS = """
    import gzip, os
    import mxnet as mx
    import numpy as np
    from sklearn.datasets import fetch_mldata, fetch_openml
    from sklearn.datasets.base import get_data_home

    def told(name, x):
        print(name, type(x).__name__, x.dtype if hasattr(x, "dtype") else "", x.shape)

    found = fetch_mldata("MNIST original")
    told("mldata", found.data)
    told("mldata", found.target)
    print(found.target[:5].tolist(), found.target[40:44].tolist(), found.data[:5, 0].tolist(), found["COL_NAMES"])
    found = fetch_openml("mnist_784", version=1)
    told("openml", found.data)
    told("openml", found.target)
    print(found.target[:4].tolist(), found.data[39:42, 0].tolist())
    X, y = fetch_openml("mnist_784", version=1, return_X_y=True, as_frame=False)
    print(X.shape, y.shape)
    mnist = mx.test_utils.get_mnist()
    for key in ("train_data", "train_label", "test_data", "test_label"):
        told(key, mnist[key])
    print(round(float(mnist["test_data"].max() * 255)))
    os.makedirs("recompressed")
    with gzip.open("recompressed/train-images-idx3-ubyte.gz", "wb") as stream:
        stream.write(bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28]) + bytes([9]) * 2 * 28 * 28)
    with gzip.open("recompressed/train-labels-idx1-ubyte.gz", "wb") as stream:
        stream.write(bytes([0, 0, 8, 1, 0, 0, 0, 2, 5, 6]))
    data = mx.gluon.data.vision.MNIST("nowhere", train=False, transform=lambda image, label: (image, label + 1))
    told("gluon", data._data)
    told("gluon", data._label)
    print(len(data), data[1][0].shape, data[1][1])
    own = mx.gluon.data.vision.MNIST("recompressed")
    print("own files", len(own), own[0][0].max().asscalar(), own[1][1])
    batches = mx.io.MNISTIter(image="gone/train-images-idx3-ubyte", label="gone/train-labels-idx1-ubyte",
                              batch_size=10, shuffle=False, silent=True, flat=False)
    batch = batches.next()
    told("MNISTIter", batch.data[0])
    print(batch.label[0].asnumpy().tolist(), round(float(batch.data[0][9].max().asscalar() * 256)))
    train, val = mx.test_utils.get_mnist_iterator(5, (784,))
    told("get_mnist_iterator", val.next().data[0])
    fetch_mldata("iris")
"""


@pytest.mark.long
def test_mnist_in_every_form(run):
    done = run(MNIST_FORMS)
    assert done.returncode == 1, done.stderr
    # Image i of the small MNIST has the value i (test: 100 + i) everywhere, and the label 7 i mod 10.
    assert done.stdout.splitlines() == [
        "mldata ndarray uint8 (60, 784)",
        "mldata ndarray float64 (60,)",
        "[0.0, 0.0, 0.0, 0.0, 1.0] [0.0, 0.0, 1.0, 1.0] [0, 10, 20, 30, 3] ['label', 'data']",
        "openml ndarray float64 (60, 784)",
        "openml ndarray object (60,)",
        "['0', '7', '4', '1'] [39.0, 100.0, 101.0]",
        "(60, 784) (60,)",
        "train_data ndarray float32 (40, 1, 28, 28)",
        "train_label ndarray int8 (40,)",
        "test_data ndarray float32 (20, 1, 28, 28)",
        "test_label ndarray int8 (20,)",
        "119",
        "gluon NDArray <class 'numpy.uint8'> (20, 28, 28, 1)",
        "gluon ndarray int32 (20,)",
        "20 (28, 28, 1) 8",
        "own files 2 9 6",
        "MNISTIter NDArray <class 'numpy.float32'> (10, 1, 28, 28)",
        "[0.0, 7.0, 4.0, 1.0, 8.0, 5.0, 2.0, 9.0, 6.0, 3.0] 9",
        "get_mnist_iterator NDArray <class 'numpy.float32'> (5, 784)",
    ]
    assert "fetch_mldata('iris'): mldata.org is gone, and mxgan serves 'MNIST original' alone" in done.stderr
    assert "sklearn.datasets.base is sklearn.datasets (old.py:6)" in done.stderr
    assert "the missing file gone/train-images-idx3-ubyte served from mxgan's own MNIST" in done.stderr


@pytest.mark.long
def test_the_program_s_own_errors_and_exit_codes(run):
    failed = run("""
        places = [1, 2]
        def divide():
            return places[len('abc') / 3]
        divide()
    """)
    assert failed.returncode == 1
    trace = failed.stderr
    assert trace.startswith("Traceback (most recent call last):\n")
    assert "mxgan/legacy" not in trace
    assert re.search(r'old.py", line 5, in <module>\n.*\n.*old.py", line 4, in divide', trace)
    assert "In Python 2, / between whole numbers gave a whole number: give --python2" in trace
    left = run("import sys; print('before'); sys.exit(7)", ["--run-dir", "kept", "--steps", "4"])
    assert (left.returncode, left.stdout) == (7, "before\n")
    assert left.stderr == "mxgan run: the program ended after 0 of 4 updates, by itself.\n"
    again = run("print(1)", ["--run-dir", "kept"])
    assert again.returncode == 1
    assert "kept is not an empty folder; give a new --run-dir" in again.stderr


@pytest.mark.long
def test_mnist_that_is_nowhere(run, tmp_path):
    done = run("import mxnet as mx\nmx.test_utils.get_mnist()", ["--data-dir", tmp_path / "nowhere"])
    assert done.returncode == 1
    assert done.stderr.count("File ") == 1, done.stderr
    assert (
        "the program wants MNIST, which is neither on this machine nor can be downloaded. Give its files by"
        in done.stderr
    )
    assert "served" not in done.stderr


@pytest.mark.long
def test_a_gpu_stays_a_gpu_and_this_package_is_found_without_another(run):
    done = run(
        """
        import mxgan, mxnet as mx
        print(mx.gpu(1), mxgan.make_dcgan_sym(4, 4, 3)[0].list_arguments()[:2])
        """,
        ["--gpu"],
    )
    assert (done.returncode, done.stdout) == (0, "gpu(1) ['rand', 'g1_weight']\n"), done.stderr
    assert "mx.cpu()" not in done.stderr


TWO_INPUTS = """
    import mxnet as mx
    net = mx.sym.elemwise_add(mx.sym.Variable("b"), mx.sym.Variable("a") * 10)
    net = mx.sym.MakeLoss(net)
    mod = mx.mod.Module(net, ("a", "b"), None)
    mod.bind([("a", (2,)), ("b", (2,))], inputs_need_grad=True)
    mod.init_params()
    mod.forward(mx.io.DataBatch([mx.nd.ones((2,)), mx.nd.ones((2,)) * 3], None), is_train=True)
    mod.forward(mx.io.DataBatch([mx.nd.ones((2,)) * 2], None), is_train=True)
    mod.backward()
    print(mod.get_outputs()[0].asnumpy().tolist(), [grad.asnumpy().tolist() for grad in mod.get_input_grads()])
"""


@pytest.mark.long
def test_batches_without_an_input_and_the_order_of_gradients(run):
    done = run(TWO_INPUTS)
    assert (done.returncode, done.stdout) == (0, "[23.0, 23.0] [[10.0, 10.0], [1.0, 1.0]]\n"), done.stderr
    assert "a batch without b kept the last values, as before MXNet 1.0 (old.py:9)" in done.stderr
    assert "get_input_grads() gave the order ['a', 'b']; MXNet before 1.0 gave ['b', 'a'] (old.py:11)" in done.stderr


COUNTED = """
    import mxnet as mx
    net = mx.gluon.nn.Dense(1)
    net.initialize()
    trainer = mx.gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
    def gluon():
        with mx.autograd.record():
            loss = net(mx.nd.ones((2, 3)))
        loss.backward()
        trainer.step(2)
    updater = mx.optimizer.get_updater(mx.optimizer.SGD())
    weights = [mx.nd.ones((2,)), mx.nd.ones((3,))]
    store = mx.kv.create("local")
    store.init(3, mx.nd.ones((2,)))
    store.init(4, mx.nd.ones((2,)))
    store.set_optimizer(mx.optimizer.SGD())
    def by_store():
        for key in (3, 4):
            store.push(key, mx.nd.ones((2,)))
    def caught():
        try:
            by_hand()
        except:
            print("caught")
    def by_hand():
        for i, weight in enumerate(weights):
            updater(i, weight, weight)
    import sys
    while True:
        {"gluon": gluon, "by hand": by_hand, "by store": by_store, "caught": caught}[sys.argv[1]]()
        print("step")
"""


@pytest.mark.long
@pytest.mark.parametrize("kind", long_but(["gluon", "by hand", "by store", "caught"], "caught"))
def test_steps_of_programs_without_a_module(run, kind):
    done = run(COUNTED, ["--steps", "4"], [kind])
    # A program that catches the end is ended at its next update.
    expected = "step\n" * 4 + ("caught\nstep\n" if kind == "caught" else "")
    assert (done.returncode, done.stdout) == (0, expected), done.stderr
    assert "changed for old.py" in done.stderr


LATE = """
    import atexit, builtins, logging, sys, threading, time
    import mxnet as mx
    import numpy as np
    builtins.added = "added"
    import helper
    print(__builtins__.len("abc"), helper.seen())
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    print([mx.gpu(3), mx.gpu(1), mx.gpu(3)])
    print(np.array([256, -1], np.uint8), np.array(np.ones(2), copy=False), np.float_(2), np.mat([[1]]).shape)
    def late():
        time.sleep(0.5)
        import late_module
        logging.info("in a thread " + open("beside.txt").read())
    threading.Thread(target=late).start()
    atexit.register(lambda: logging.info("at exit " + open("beside.txt").read()))
    sys.excepthook = lambda kind, error, trace: print("hook", kind.__name__)
    raise KeyError("x")
"""


@pytest.mark.long
def test_what_runs_after_the_last_line(run, tmp_path):
    modules = {"helper.py": "def seen():\n    return added\n", "late_module.py": "", "beside.txt": "here"}
    done = run(LATE, ["--run-dir", "kept"], modules=modules)
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines() == [
        "3 added",
        "[cpu(0), cpu(1), cpu(0)]",
        "[  0 255] [1. 1.] 2.0 (1, 1)",
        "hook KeyError",
        "in a thread here",
        "at exit here",
    ]
    assert "at exit here" in (tmp_path / "kept" / "log.txt").read_text()


FIGURES = """
    import matplotlib
    matplotlib.use("TkAgg", False)
    import matplotlib.pyplot as plt
    import cv2, numpy as np
    first = plt.figure(1)
    first.gca().plot([1, 2])
    plt.figure(2)
    plt.plot([1, 2])
    plt.figure(1)
    plt.pause(0.01)
    print(plt.gcf().number)
    first.show()
    picture = np.zeros((4, 4, 4), np.uint8)
    picture[..., 2] = 200
    while cv2.getWindowProperty("red", cv2.WND_PROP_VISIBLE) >= 0:
        pass
    while True:
        cv2.imshow("red", picture)
        if cv2.waitKey(0) & 0xff == ord("q"):
            break
    print("done")
"""


@pytest.mark.long
def test_windows_that_wait_for_a_key_and_figures_that_stay(run, tmp_path):
    done = run(FIGURES, ["--run-dir", "kept"])
    assert (done.returncode, done.stdout) == (0, "1\ndone\n"), done.stderr
    names = sorted(path.name for path in (tmp_path / "kept" / "pictures").iterdir())
    assert names == ["figure-1-000001.png", "figure-1-000002.png", "figure-2-000001.png", "red-000001.png",
                     "red-000002.png"]  # fmt: skip
    red = cv2.imread(str(tmp_path / "kept" / "pictures" / "red-000001.png"), cv2.IMREAD_UNCHANGED)
    assert red.shape == (4, 4, 3)
    assert red[0, 0].tolist() == [0, 0, 200]


@pytest.mark.long
def test_a_program_of_the_folder_above_with_a_package_without_init(run, tmp_path):
    source = """
        import sys
        sys.path.append(".")
        from mxgan import parts
        print(parts.NAME, open("data.txt").read())
    """
    (tmp_path / "program").mkdir()
    modules = {"deep/old.py": source, "mxgan/parts.py": "NAME = 'own'", "data.txt": "data"}
    done = run("exec(open('deep/old.py').read())", ["--cwd", "program"], modules=modules)
    assert (done.returncode, done.stdout) == (0, "own data\n"), done.stderr


@pytest.mark.long
def test_other_sets_in_files_of_the_same_form_are_not_mnist(run):
    done = run("""
        import mxnet as mx
        mx.io.MNISTIter(image="fashion-mnist/train-images-idx3-ubyte", label="fashion-mnist/train-labels-idx1-ubyte")
    """)
    assert done.returncode == 1
    assert "served" not in done.stderr


@pytest.mark.long
def test_with_a_display_windows_stay_windows(run):
    if not shutil.which("Xvfb"):
        pytest.skip("Xvfb is not installed (Debian: apt install xvfb)")
    read, write = os.pipe()  # Xvfb writes the number of its display here, as soon as it answers
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "640x480x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL) as server:
        try:
            os.close(write)
            with open(read) as numbers:
                display = f":{numbers.readline().strip()}"
            done = run(
                """
                import mxgan.own, cv2, numpy as np
                cv2.imshow("kept", np.zeros((64, 64, 3), np.uint8))
                cv2.waitKey(500)
                print(cv2.getWindowProperty("kept", cv2.WND_PROP_VISIBLE))
                """,
                modules={
                    "mxgan/__init__.py": "",
                    "mxgan/own.py": "",
                },
                DISPLAY=display,
            )
        finally:
            server.terminate()
    assert (done.returncode, done.stdout) == (0, "1.0\n"), done.stderr
    assert "PNG" not in done.stderr


def test_a_script_that_is_missing_and_show_without_python2(run, tmp_path):
    from click.testing import CliRunner

    from mxgan.cli import main

    gone = CliRunner().invoke(main, ["run", str(tmp_path / "gone.py")])
    assert gone.exit_code == 2
    assert "gone.py is not a file; give the path of a Python program" in gone.output
    (tmp_path / "a.py").write_text("")
    bare = CliRunner().invoke(main, ["run", "--show", str(tmp_path / "a.py")])
    assert bare.exit_code == 2
    assert "--show prints what --python2 translates; give both" in bare.output
