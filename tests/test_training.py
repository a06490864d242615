"""Training: the loop, its history, interruption, divergence and resuming."""

import os
import signal
import subprocess
import sys
import textwrap
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from vaelib import languages
from vaelib.data import load_mnist
from vaelib.evaluation import evaluate
from vaelib.history import History
from vaelib.interruption import interruption
from vaelib.linear_gaussian import LinearGaussianVAE
from vaelib.models import VAE, Autoencoder
from vaelib.objectives import Terms, elbo, importance_weighted_bound, reconstruction
from vaelib.training import fit

KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def digits():
    return load_mnist("train", limit=320)[0]


def small_model(seed=0, **config):
    return VAE.create(seed=seed, latent=4, hidden=(32,), **config)


def weights(model):
    return jax.tree.leaves(nnx.state(model, nnx.Param))


def assert_same_weights(a, b):
    for left, right in zip(weights(a), weights(b), strict=True):
        np.testing.assert_array_equal(left, right)


quiet_fit = partial(fit, progress=False)


def test_a_model_overfits_32_digits(digits):
    few = np.round(digits[:32])
    model = VAE.create(latent=20, hidden=(200,))
    before = evaluate(model, few, KEY)["elbo"]
    quiet_fit(model, few, KEY, epochs=400, batch_size=32, learning_rate=3e-3)
    after = evaluate(model, few, KEY)
    assert before < -500
    # To know which of 32 digits it is takes log 32 = 3.5 nats; what is left is the width of q.
    assert after["elbo"] > -40
    assert after["kl"] > np.log(32)


def test_history_has_one_entry_an_epoch_and_one_a_step(digits):
    model = small_model()
    history = quiet_fit(model, digits, KEY, epochs=3, batch_size=64, held_out=digits[:50])
    assert history.epochs == 3
    assert not history.interrupted
    for name in Terms._fields:
        assert len(history.train[name]) == len(history.held_out[name]) == 3
        assert history.steps[name].shape == (3 * 5,)
        np.testing.assert_allclose(history.train[name], history.steps[name].reshape(3, 5).mean(1), rtol=1e-6)
    np.testing.assert_allclose(
        np.subtract(history.train["recon"], history.train["kl"]), history.train["elbo"], rtol=1e-5
    )
    assert history.train["elbo"][-1] > history.train["elbo"][0]
    assert history.images == 320
    assert history.images_per_second > 0


def test_same_key_same_weights_and_another_key_others(digits):
    models = [small_model() for _ in range(3)]
    for model, seed in zip(models, (1, 1, 2), strict=True):
        quiet_fit(model, digits, jax.random.key(seed), epochs=1, batch_size=64)
    assert_same_weights(models[0], models[1])
    assert not np.array_equal(weights(models[0])[1], weights(models[2])[1])


def test_the_step_is_the_gradient_of_the_mean_elbo(digits):
    """One epoch of one full batch with SGD equals a hand-written step."""
    model = LinearGaussianVAE.create(latent=2, pixels=784, sigma=1.0)
    model.log_var[...] = jnp.full(2, -60.0)  # no noise in z, so that the gradient does not depend on the key
    graphdef, params = nnx.split(model)

    def loss(params):
        return -jnp.mean(elbo(nnx.merge(graphdef, params), jnp.asarray(digits), KEY).elbo)

    wanted = jax.tree.map(lambda p, g: p - 1e-5 * g, params, jax.grad(loss)(params))
    quiet_fit(model, digits, KEY, epochs=1, batch_size=320, optimizer=optax.sgd(1e-5))
    for got, want in zip(weights(model), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-6)


def test_one_compilation_serves_all_epochs_and_the_next_fit(digits, compilations):
    def run(epochs):
        model = small_model()
        compilations.clear()
        quiet_fit(model, digits, KEY, epochs=epochs, batch_size=40, held_out=digits[:64])
        return len(compilations)

    assert run(1) > 0
    assert run(1) == 0
    assert run(4) == 0


def test_objectives_are_interchangeable(digits):
    vae = small_model()
    history = quiet_fit(
        vae, digits, KEY, epochs=2, batch_size=64, objective=partial(importance_weighted_bound, num_samples=5)
    )
    assert history.train["elbo"][1] > history.train["elbo"][0]
    auto = Autoencoder.create(latent=4, hidden=(32,))
    history = quiet_fit(auto, digits, KEY, epochs=2, batch_size=64, objective=reconstruction)
    assert history.train["kl"] == [0.0, 0.0]


def test_a_larger_beta_gives_a_smaller_kl(digits):
    def final_kl(beta):
        return quiet_fit(small_model(), digits, KEY, epochs=5, batch_size=32, beta=beta).train["kl"][-1]

    assert final_kl(20.0) < final_kl(1.0) < final_kl(0.0)


def test_binarized_batches_are_zeros_and_ones_and_new_each_epoch():
    grey = np.full((64, 784), 0.5, np.float32)
    means = []

    def spy(model, x, key):
        jax.debug.callback(lambda x: means.append(np.asarray(x)), x)
        return elbo(model, x, key)

    quiet_fit(small_model(), grey, KEY, epochs=2, batch_size=64, objective=spy, binarize=True)
    jax.effects_barrier()
    first, second = means
    assert set(np.unique(first)) == {0.0, 1.0}
    assert not np.array_equal(first, second)


def test_callback_gets_the_model_of_that_epoch(digits):
    snapshots = []

    def keep(epoch, model, history):
        snapshots.append((epoch, history.epochs, nnx.state(model, nnx.Param)["decoder"]["output"]["bias"][...]))

    model = small_model()
    quiet_fit(model, digits, KEY, epochs=3, batch_size=64, callback=keep)
    assert [s[:2] for s in snapshots] == [(1, 1), (2, 2), (3, 3)]
    biases = [np.asarray(s[2]) for s in snapshots]  # still readable: what the model holds is never donated
    assert not np.array_equal(biases[0], biases[1])
    np.testing.assert_array_equal(biases[2], model.decoder.output.bias[...])


def test_ctrl_c_ends_after_the_epoch_with_a_usable_model(digits, capsys):
    def press(epoch, model, history):
        if epoch == 2:
            os.kill(os.getpid(), signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)
    stopped, whole = small_model(), small_model()
    history = quiet_fit(stopped, digits, KEY, epochs=5, batch_size=64, callback=press)
    assert history.interrupted
    assert history.epochs == 2
    assert signal.getsignal(signal.SIGINT) is handler
    assert "epoch 2 of 5" in capsys.readouterr().out
    quiet_fit(whole, digits, KEY, epochs=2, batch_size=64)
    assert_same_weights(stopped, whole)


def test_second_ctrl_c_raises_and_leaves_the_last_epoch(digits):
    def press_twice(epoch, model, history):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    model, whole = small_model(), small_model()
    with pytest.raises(KeyboardInterrupt):
        quiet_fit(model, digits, KEY, epochs=5, batch_size=64, callback=press_twice)
    quiet_fit(whole, digits, KEY, epochs=1, batch_size=64)
    assert_same_weights(model, whole)


def test_nan_stops_with_step_and_term_and_keeps_the_last_good_epoch(digits):
    def breaks(model, x, key):
        terms = elbo(model, x, key)
        kl = jnp.where(jnp.mean(terms.kl) > 0.5, jnp.nan, terms.kl)
        return terms._replace(kl=kl, elbo=terms.recon - kl)

    model, good = small_model(), small_model()
    history = quiet_fit(good, digits, KEY, epochs=4, batch_size=64)
    first_bad = int(np.argmax(history.steps["kl"] > 0.5))
    epoch, step = divmod(first_bad, 5)
    assert epoch >= 1, "the test wants a good epoch first"
    with pytest.raises(FloatingPointError, match=rf"kl became nan at step {step + 1} of 5 in epoch {epoch + 1}"):
        quiet_fit(model, digits, KEY, epochs=4, batch_size=64, objective=breaks)
    good = small_model()
    quiet_fit(good, digits, KEY, epochs=epoch, batch_size=64)
    assert_same_weights(model, good)


def test_weights_gone_wrong_in_the_last_step_are_noticed(digits):
    """The last step's loss is still finite; only its update is not."""
    explode = optax.sgd(lambda count: jnp.where(count == 4, jnp.inf, 1e-4))
    with pytest.raises(FloatingPointError, match=r"a weight stopped being finite at the last step of epoch 1\."):
        quiet_fit(small_model(), digits, KEY, epochs=1, batch_size=64, optimizer=explode)


@pytest.mark.parametrize("interrupted_after", [1, 3])
def test_resumed_training_equals_the_uninterrupted_one_to_the_bit(digits, tmp_path, interrupted_after):
    options = {"batch_size": 64, "held_out": digits[:20], "binarize": True, "checkpoint": tmp_path / "run.safetensors"}
    first, second, whole = small_model(), small_model(seed=9), small_model()
    quiet_fit(first, digits, KEY, epochs=interrupted_after, **options)
    resumed = quiet_fit(second, digits, KEY, epochs=4, resume=True, **options)
    uninterrupted = quiet_fit(whole, digits, KEY, epochs=4, **(options | {"checkpoint": None}))
    assert_same_weights(second, whole)
    assert resumed.train == uninterrupted.train
    assert resumed.held_out == uninterrupted.held_out
    np.testing.assert_array_equal(resumed.steps["elbo"], uninterrupted.steps["elbo"])


def test_a_killed_process_resumes(digits, tmp_path):
    """A process that dies without warning loses at most the running epoch."""
    script = textwrap.dedent("""
        import os, sys, jax
        from vaelib.data import load_mnist
        from vaelib.models import VAE
        from vaelib.training import fit
        die = lambda epoch, model, history: os._exit(9) if epoch == 2 else None
        fit(VAE.create(latent=4, hidden=(32,)), load_mnist("train", limit=320)[0], jax.random.key(0), epochs=4,
            batch_size=64, checkpoint=sys.argv[1], callback=die, progress=False)
    """)
    path = tmp_path / "run.safetensors"
    assert subprocess.run([sys.executable, "-c", script, str(path)], check=False).returncode == 9
    resumed, whole = small_model(), small_model()
    history = quiet_fit(resumed, digits, KEY, epochs=4, batch_size=64, checkpoint=path, resume=True)
    quiet_fit(whole, digits, KEY, epochs=4, batch_size=64)
    assert history.epochs == 4
    assert_same_weights(resumed, whole)


def test_checkpoints_are_not_overwritten_or_mixed_up(digits, tmp_path):
    path = tmp_path / "run.safetensors"
    quiet_fit(small_model(), digits, KEY, epochs=1, batch_size=64, checkpoint=path)
    with pytest.raises(FileExistsError, match="resume=True"):
        quiet_fit(small_model(), digits, KEY, epochs=1, batch_size=64, checkpoint=path)
    with pytest.raises(ValueError, match=r"other settings \(batch_size: 64 then, 32 now\)"):
        quiet_fit(small_model(), digits, KEY, epochs=2, batch_size=32, checkpoint=path, resume=True)
    with pytest.raises(ValueError, match="data: 'crc32"):
        quiet_fit(small_model(), digits[::-1].copy(), KEY, epochs=2, batch_size=64, checkpoint=path, resume=True)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"run\.safetensors"):
        quiet_fit(small_model(), digits, KEY, epochs=2, batch_size=64, checkpoint=path, resume=True)
    with pytest.raises(ValueError, match="resume=True needs checkpoint"):
        quiet_fit(small_model(), digits, KEY, epochs=2, batch_size=64, resume=True)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"epochs": 0}, ValueError, "epochs must be an integer of at least 1, got 0"),
        ({"epochs": 1.5}, TypeError, "epochs must be an integer"),
        ({"batch_size": 321}, ValueError, "at most the number of images, 320, got 321"),
        ({"batch_size": True}, TypeError, "batch_size"),
        ({"learning_rate": -1.0}, ValueError, "learning_rate"),
        ({"learning_rate": 0.0}, ValueError, r"learning_rate must be a finite number in \(0, inf\], got 0\.0"),
        ({"learning_rate": float("nan")}, ValueError, "learning_rate"),
        ({"beta": -1.0}, ValueError, "beta"),
        ({"held_out": np.zeros((3, 700), np.float32)}, ValueError, "784"),
        (
            {"corrupt": lambda x, key: x[:, :3]},
            ValueError,
            r"corrupt must return images of x's shape, \(128, 784\), got shape \(128, 3\)",
        ),
    ],
)
def test_bad_options_are_refused_by_name(digits, change, error, message):
    with pytest.raises(error, match=message):
        quiet_fit(small_model(), digits, KEY, **change)


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (np.zeros((4, 28, 28), np.float32), ValueError, r"\(4, 28, 28\)"),
        (np.zeros((4, 784), np.uint8), TypeError, "uint8"),
        (np.full((4, 784), 255.0, np.float32), ValueError, "divide 8-bit images by 255"),
        (np.full((4, 784), np.nan, np.float32), ValueError, "NaN"),
        (np.zeros((0, 784), np.float32), ValueError, "batch at least 1"),
        ([[0.0] * 784], TypeError, "list"),
    ],
)
def test_bad_images_are_refused(images, error, message):
    with pytest.raises(error, match=message):
        quiet_fit(small_model(), images, KEY, batch_size=2)
    with pytest.raises(error, match=message):
        evaluate(small_model(), images, KEY)


def test_old_style_keys_are_refused(digits):
    with pytest.raises(TypeError, match=r"jax\.random\.key\(0\)"):
        quiet_fit(small_model(), digits, jax.random.PRNGKey(0))


def test_evaluate_is_the_mean_over_all_images(digits, monkeypatch):
    model = LinearGaussianVAE.create(latent=2, pixels=784, sigma=1.0)
    model.log_var[...] = jnp.full(2, -60.0)
    monkeypatch.setattr("vaelib.evaluation.BLOCK", 100)  # 320 images: three blocks and a fifth of one
    got = evaluate(model, digits, KEY)
    wanted = elbo(model, digits, KEY)
    for name, values in wanted._asdict().items():
        assert got[name] == pytest.approx(float(values.mean()), rel=1e-5)


def test_a_mean_over_the_data_is_taken_in_double_precision():
    """In float32 the sum of 2^24 and 1 is 2^24."""
    images = np.zeros((2, 784), np.float32)
    images[1] = 1.0

    def objective(model, x, key):
        value = jnp.where(x[:, 0] > 0, 1.0, 2.0**24)
        return Terms(value, jnp.zeros_like(value), value)

    assert evaluate(small_model(), images, KEY, objective=objective)["elbo"] == 2**23 + 0.5
    history = History()
    history.add_epoch(Terms(*np.full((3, 2), [2**24, 1], np.float32)), None, 2, 1.0)
    assert history.train["elbo"] == [2**23 + 0.5]


def test_a_history_says_its_latest_elbo_and_its_rates():
    history = History()
    assert (str(history), history.images_per_second) == ("no epoch yet", 0.0)
    terms = Terms(*np.array([[-4.0], [1.0], [-5.0]], np.float32))
    history.add_epoch(terms, None, 6000, 8.0)
    assert (str(history), history.images_per_second) == ("ELBO -5.00 nats, 750 images/s", 750.0)
    for seconds in (4.0, 3.0, 1.0):
        history.add_epoch(terms, {"recon": -6.0, "kl": 1.25, "elbo": -7.25}, 6000, seconds)
    assert str(history) == "ELBO -7.25 nats, 6,000 images/s"
    assert history.images_per_second == 2000.0  # the median, without the first
    assert history.last_epoch().seconds == 1.0


def test_a_training_is_told_in_the_language(digits, monkeypatch, capsys):
    monkeypatch.setattr(languages, "_spoken", "ko")
    assert str(History()) == "아직 에포크 없음"

    def press(epoch, model, history):
        if epoch == 2:
            os.kill(os.getpid(), signal.SIGINT)

    history = fit(small_model(), digits, KEY, epochs=3, callback=press)
    out, bar = capsys.readouterr()
    assert out == "전체 3에포크 중 2에포크에서 멈췄습니다. 모델은 그 에포크의 가중치를 담고 있습니다.\n"
    assert "에포크/s, ELBO" in bar or "s/에포크, ELBO" in bar
    assert f"nat, 초당 이미지 {history.images / history.seconds[-1]:,.0f}장" in bar


def test_a_signal_that_is_ignored_or_handled_outside_of_python_stays_so(monkeypatch):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruption() as interrupted:
            os.kill(os.getpid(), signal.SIGINT)
        assert not interrupted.is_set()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    with monkeypatch.context() as foreign:
        foreign.setattr(signal, "getsignal", lambda _: None)
        with interruption():
            pass
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": optax.adam}, r"optimizer must be one of Optax's, such as optax\.adam\(1e-3\), got <function"),
        ({"objective": "elbo"}, r"objective must be a function of \(model, batch, key\), got 'elbo'"),
        ({"objective": None}, r"objective must be a function of \(model, batch, key\), got None"),
        ({"objective": lambda model, x: 1}, "objective must be a function of .*: too many positional arguments"),
        ({"objective": lambda model, x, key: 1, "beta": 2.0}, r"objective must be a function of .*beta=\.\.\.\)"),
        ({"objective": lambda m, x, key: 1, "corrupt": lambda x, key: x}, r"objective must be .*inputs=\.\.\.\)"),
        ({"corrupt": 0.1}, r"corrupt must be a function of \(x, key\), got 0\.1"),
        ({"corrupt": lambda x: x}, r"corrupt must be a function of \(x, key\).*: too many positional arguments"),
        ({"callback": 3}, "callback must be a function of"),
        ({"callback": lambda: 3}, r"callback must be a function of \(epochs done, model, history\).*: too many"),
        (
            {"learning_rate": lambda a, b: 1.0},
            r"learning_rate must be a function of \(step\), got .*: missing",
        ),
        ({"learning_rate": lambda step: "x"}, "learning_rate must be a number, or a schedule.* fails: "),
        ({"learning_rate": lambda step: 1.0 if step < 9 else 0.1}, "learning_rate must be a number, or a schedule"),
        ({"learning_rate": lambda step: jnp.ones(3)}, "learning_rate must be a number, or a schedule.* gives "),
        ({"beta": lambda step: None}, "beta must be a number, or a schedule.* gives None"),
        ({"beta": lambda step: step < 9}, "beta must be a number, or a schedule.* gives .*bool"),
        ({"devices": "cpu"}, "devices must be a list of JAX's devices, such as .* got 'cpu'"),
        ({"devices": 2}, "devices must be a list of JAX's devices, such as .* got 2"),
        ({"devices": [0]}, "devices must be a list of JAX's devices"),
        ({"devices": jax.devices()[0]}, "devices must be a list of JAX's devices"),
        ({"binarize": "no"}, "binarize must be True or False, got 'no'"),
        ({"progress": "no"}, "progress must be True or False, got 'no'"),
        ({"resume": "no"}, "resume must be True or False, got 'no'"),
        ({"corrupt": lambda x, key: None}, r"corrupt must return images of x's shape, \(128, 784\), got NoneType"),
        ({"corrupt": lambda x, key: [x]}, r"corrupt must return .*, got list; return an array"),
    ],
)
def test_what_is_no_function_and_no_truth_is_refused(digits, options, message):
    with pytest.raises(TypeError, match=message):
        quiet_fit(small_model(), digits, KEY, epochs=1, **options)


def test_schedules_that_differ_in_a_function_they_call_train_differently(digits):
    schedules = (lambda step: jnp.sin(0.5 + step), lambda step: jnp.exp(0.5 + step))
    options = {"epochs": 1, "batch_size": 16, "progress": False}
    sine, exponential = (fit(small_model(), digits, jax.random.key(0), beta=beta, **options) for beta in schedules)
    assert sine.train["elbo"] != exponential.train["elbo"]


def test_beta_may_be_a_scalar_array(digits):
    histories = [quiet_fit(small_model(), digits, KEY, epochs=1, beta=beta) for beta in (0.5, jnp.array(0.5))]
    assert histories[0].train == histories[1].train
