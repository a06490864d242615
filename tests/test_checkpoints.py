"""Checkpoints: a resumed training is what it says, to the bit, or is refused by name."""

import errno
import json
import os
import re
import subprocess
import sys
import textwrap
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from vaelib import storage
from vaelib.checkpoints import Checkpoint
from vaelib.data import salt_and_pepper
from vaelib.history import History
from vaelib.models import VAE
from vaelib.objectives import elbo, importance_weighted_bound
from vaelib.training import epochs, fit

KEY = jax.random.key(0)
OLD = Path(__file__).parent / "old_files" / "checkpoint-1.safetensors"


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).uniform(0, 1, (16, 9)).astype(np.float32)


def small_model(**config):
    return VAE.create(**({"latent": 2, "hidden": (3,), "pixels": 9} | config))


def train(x, path, *, count, model=None, key=KEY, **options):
    """A training of `count` epochs, written to path, and gone on with if it is there."""
    return fit(
        model or small_model(),
        x,
        key,
        epochs=count,
        batch_size=8,
        checkpoint=path,
        resume=True,
        progress=False,
        **options,
    )


# --- what differs is refused

CHANGES = {
    "corrupt": (salt_and_pepper(0.1), salt_and_pepper(0.9)),
    "corrupt, none before": (None, salt_and_pepper(0.9)),
    "optimizer": (optax.adam(1e-3), optax.adam(10.0)),
    "optimizer, another": (optax.sgd(1e-3), optax.adam(1e-3)),
    "learning_rate": (1e-3, 1e-2),
    "learning_rate, a schedule": (optax.linear_schedule(1e-3, 0, 10), optax.linear_schedule(1e-3, 0, 20)),
    "beta": (1.0, 2.0),
    "beta, a lambda": (lambda step: step * 0.1, lambda step: step * 0.2),
    "beta, another function": (lambda step: jnp.sin(0.5 + step), lambda step: jnp.exp(0.5 + step)),
    "beta, a float power": (lambda step: (step + 1) ** 2, lambda step: (step + 1) ** 2.0),
    "objective": (elbo, partial(importance_weighted_bound, num_samples=3)),
    "objective, its number": tuple(partial(importance_weighted_bound, num_samples=k) for k in (2, 3)),
    "binarize": (False, True),
    "held_out": (None, np.zeros((2, 9), np.float32)),
}


CLOSURES = {"corrupt", "corrupt, none before"}


@pytest.mark.parametrize(
    "change", [pytest.param(name, marks=[pytest.mark.unwrapped] * (name in CLOSURES)) for name in CHANGES]
)
def test_another_setting_is_refused_by_name(x, tmp_path, change):
    name = change.split(",")[0]
    then, now = CHANGES[change]
    train(x, tmp_path / "run", count=1, **{name: then})
    content = (tmp_path / "run").read_bytes()
    with pytest.raises(ValueError, match=rf"made with other settings \({name}: .* then, .* now\)"):
        train(x, tmp_path / "run", count=2, **{name: now})
    assert (tmp_path / "run").read_bytes() == content
    assert train(x, tmp_path / "run", count=2, **{name: then}).epochs == 2


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"key": jax.random.key(1)}, "key"),
        ({"model": small_model(latent=3)}, "model"),
        ({"model": small_model(activation="tanh")}, "model"),
        ({"model": small_model(likelihood="gaussian", sigma=0.3)}, "model"),
        ({"x": np.ones((16, 9), np.float32)}, "data"),
    ],
)
def test_another_key_model_or_data_are_refused(x, tmp_path, change, name):
    train(x, tmp_path / "run", count=1)
    with pytest.raises(ValueError, match=rf"\({name}: "):
        train(**({"x": x, "path": tmp_path / "run", "count": 2} | change))


def test_a_long_setting_is_cut_to_80_characters(tmp_path):
    Checkpoint(tmp_path / "run", {"note": "a" * 79}).save((), History())
    with pytest.raises(ValueError, match=r"\(note: 'a{76}\.\.\. then, 'b{78}' now\)"):
        Checkpoint(tmp_path / "run", {"note": "b" * 78}).load(())


def test_another_sigma_is_refused(x, tmp_path):
    sigmas = [small_model(likelihood="gaussian", sigma=sigma) for sigma in (0.1, 0.2)]
    train(x, tmp_path / "run", count=1, model=sigmas[0])
    with pytest.raises(ValueError, match=r"model: 0\.1 then, 0\.2 now"):
        train(x, tmp_path / "run", count=2, model=sigmas[1])


def test_the_caller_may_vouch(x, tmp_path):
    holder = iter([1])

    def objective(model, x, key):
        return elbo(model, x, key) if holder else None

    with pytest.raises(ValueError, match=r"objective holds something that can not be described"):
        train(x, tmp_path / "run", count=1, objective=objective)
    assert not (tmp_path / "run").exists()
    train(x, tmp_path / "run", count=1, objective=objective, vouch_for=("objective",))
    assert train(x, tmp_path / "run", count=2, objective=objective, vouch_for=("objective",)).epochs == 2
    with pytest.raises(ValueError, match="objective: 'not recorded' then"):
        train(x, tmp_path / "run", count=2)
    with pytest.raises(ValueError, match="vouch_for must name settings"):
        train(x, tmp_path / "run", count=2, vouch_for=("nothing",))


# --- what survives


@pytest.mark.parametrize(
    "optimizer",
    [
        optax.adam(1e-3, mu_dtype=jnp.bfloat16),
        optax.chain(optax.add_noise(0.1, 0.5, key=jax.random.key(3)), optax.sgd(1e-3)),
        optax.chain(optax.adam(1e-3), optax.contrib.reduce_on_plateau(patience=1)),
        optax.MultiSteps(optax.adam(1e-3), 3),
        optax.inject_hyperparams(optax.adam)(learning_rate=1e-3),
        optax.lion(1e-4),
    ],
    ids=["bfloat16", "a key", "plateau", "multiple steps", "hyperparameters", "lion"],
)
def test_every_leaf_of_an_optimiser_survives(x, tmp_path, optimizer):
    path, options = tmp_path / "run", {"optimizer": optimizer}
    whole, resumed = small_model(), small_model(seed=5)
    history = fit(whole, x, KEY, epochs=3, batch_size=8, progress=False, **options)
    train(x, path, count=1, **options)
    assert train(x, path, count=3, model=resumed, **options).train == history.train
    for a, b in zip(jax.tree.leaves(nnx.state(whole)), jax.tree.leaves(nnx.state(resumed)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_parts_of_an_optimisers_state_of_one_name_are_refused_before_training(x, tmp_path, monkeypatch):
    monkeypatch.setattr("vaelib.training.Training._train_one_epoch", lambda _: pytest.fail("it was trained"))
    state = {"a.b": jnp.zeros(()), "a": {"b": jnp.ones(())}}
    optimizer = optax.GradientTransformation(lambda _: state, lambda updates, state, _=None: (updates, state))
    with pytest.raises(ValueError, match=r"must have different dotted names .*, got 2\.a\.b twice; rename"):
        train(x, tmp_path / "run", count=1, optimizer=optimizer)
    assert not list(tmp_path.iterdir())


@pytest.mark.unwrapped
def test_a_checkpoint_holds_no_text_of_a_version(x, tmp_path):
    train(x, tmp_path / "run", count=1, optimizer=optax.adam(1e-3), corrupt=salt_and_pepper(0.1))
    tensors, record = storage.read_tensors(tmp_path / "run")
    text = json.dumps(record) + " ".join(tensors)
    assert not re.search(r"PyTreeDef|0x[0-9a-f]{6}|_src|\.value|GraphDef", text)
    assert {"0.decoder.output.kernel", "2.0.mu.decoder.output.kernel", "steps.kl"} <= set(tensors)


OWN_MODEL = textwrap.dedent("""
    import sys
    import jax, numpy as np
    from flax import nnx
    from vaelib import Bernoulli, Gaussian, fit

    class Own(nnx.Module):
        def __init__(self, *, rngs):
            self.latent, self.pixels, self.activation = 2, 9, jax.nn.relu
            self.mu, self.log_var = nnx.Linear(9, 2, rngs=rngs), nnx.Linear(9, 2, rngs=rngs)
            self.out = nnx.Linear(2, 9, rngs=rngs)

        def encode(self, x):
            return Gaussian(self.mu(x), self.log_var(x))

        def decode(self, z):
            return Bernoulli(self.out(self.activation(z)))

        def check_data(self, x):
            return x

    x = np.random.default_rng(0).uniform(0, 1, (16, 9)).astype(np.float32)
    model = Own(rngs=nnx.Rngs(0))
    options = {"batch_size": 8, "checkpoint": sys.argv[1], "resume": True, "progress": False}
    print(fit(model, x, jax.random.key(0), epochs=int(sys.argv[2]), **options).train["elbo"])
""")


def test_a_model_of_ones_own_resumes_in_a_new_process(tmp_path):
    def run(name, count):
        command = [sys.executable, "-c", OWN_MODEL, str(tmp_path / name), str(count)]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    whole = run("whole", 3)
    assert run("run", 1) == whole[:1]
    assert run("run", 3) == whole


@pytest.mark.usefixtures("full_precision")  # in which the file was written
def test_a_checkpoint_of_the_first_format_says_what_to_do_and_goes_on(x, tmp_path):
    """The file holds two epochs of this training, written by vaelib 0.1.0 before settings were described."""
    path = tmp_path / "run"
    path.write_bytes(OLD.read_bytes())
    with pytest.raises(ValueError, match="of an earlier vaelib, which did not record all of") as refused:
        train(x, path, count=3)
    names = re.search(r"vouch_for=\((.*?)\)", str(refused.value))[1]
    vouch_for = tuple(name.strip("' ") for name in names.split(","))
    assert f"did not record all of {', '.join(vouch_for)}; where they are" in str(refused.value)
    whole, resumed = small_model(), small_model(seed=1)
    history = fit(whole, x, KEY, epochs=3, batch_size=8, progress=False)
    assert train(x, path, count=3, model=resumed, vouch_for=vouch_for).epochs == 3
    for a, b in zip(jax.tree.leaves(nnx.state(whole)), jax.tree.leaves(nnx.state(resumed)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    tensors, _ = storage.read_tensors(path)
    np.testing.assert_allclose(tensors["steps.elbo"], history.steps["elbo"], rtol=1e-4)
    path.write_bytes(OLD.read_bytes())
    with pytest.raises(ValueError, match="batch_size: 8 then, 4 now"):
        fit(small_model(), x, KEY, epochs=3, batch_size=4, checkpoint=path, resume=True, vouch_for=vouch_for)


def test_foreign_and_damaged_files_are_refused(x, tmp_path):
    path = tmp_path / "run"
    storage.write_tensors(path, {"a": np.zeros(3)}, {"format": "something else"}, overwrite=True)
    with pytest.raises(ValueError, match="is no checkpoint of this vaelib: format 'something else'"):
        train(x, path, count=1)
    path.unlink()
    train(x, path, count=1)
    tensors, record = storage.read_tensors(path)
    del tensors["2.0.mu.decoder.output.kernel"]
    storage.write_tensors(path, tensors, record, overwrite=True)
    with pytest.raises(ValueError, match=r"lacks 2\.0\.mu\.decoder\.output\.kernel of float32 and shape \(3, 9\)"):
        train(x, path, count=2)


def test_a_loop_that_breaks_off_leaves_a_checkpoint_of_its_last_epoch(x, tmp_path):
    options = {"epochs": 3, "batch_size": 8, "checkpoint": tmp_path / "run"}
    for _ in epochs(small_model(), x, KEY, **options):
        break
    resumed = epochs(small_model(seed=1), x, KEY, resume=True, **options)
    assert resumed.history.epochs == 1
    assert [epoch.number for epoch in resumed] == [2, 3]


def test_a_folder_that_can_not_be_written_is_refused_before_training(x, tmp_path, monkeypatch):
    def full(path, _):
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    monkeypatch.setattr("vaelib.training.Training._train_one_epoch", lambda _: pytest.fail("it was trained"))
    with pytest.raises(OSError, match=r"checkpoint '.*a\.safetensors' can not be written: .*No space left"):
        train(x, tmp_path / "a.safetensors", count=1)
    assert not list(tmp_path.iterdir())


def test_a_disk_that_is_full_in_the_middle_of_a_training_leaves_what_was_written(x, tmp_path):
    resource = pytest.importorskip("resource", reason="Windows has no limit for the size of a file")
    path, limits = tmp_path / "run", resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill_the_disk(done, *_):
        if done == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size // 2, limits[1]))

    try:
        with pytest.raises(OSError, match="run' can not be written: File too large") as refused:
            train(x, path, count=4, callback=fill_the_disk)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert refused.value.errno == errno.EFBIG
    assert [file.name for file in tmp_path.iterdir()] == ["run"]
    assert len(storage.read_tensors(path)[1]["history"]["seconds"]) == 2
    whole, resumed = small_model(), small_model(seed=5)
    history = fit(whole, x, KEY, epochs=4, batch_size=8, progress=False)
    assert train(x, path, count=4, model=resumed).train == history.train
    for a, b in zip(jax.tree.leaves(nnx.state(whole)), jax.tree.leaves(nnx.state(resumed)), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize(
    ("path", "kind", "message"),
    [
        (3, TypeError, "checkpoint must be a path"),
        (True, TypeError, "checkpoint must be a path"),
        ("a\0b", ValueError, "checkpoint must be a path"),
        ("", ValueError, r"checkpoint must be a file or a new name, got '\.', a folder or a device"),
        (os.devnull, ValueError, "checkpoint must be a file or a new name"),
    ],
)
def test_a_checkpoint_that_is_no_file_is_refused(x, path, kind, message, resume):
    with pytest.raises(kind, match=message):
        epochs(small_model(), x, KEY, batch_size=8, checkpoint=path, resume=resume)


@pytest.mark.parametrize("missing", ["settings", "history"])
def test_a_record_that_lacks_a_part_is_refused(x, tmp_path, missing):
    path = tmp_path / "a.safetensors"
    train(x, path, count=1)
    tensors, record = storage.read_tensors(path)
    del record[missing]
    storage.write_tensors(path, tensors, record, overwrite=True)
    with pytest.raises(ValueError, match="must hold settings and a history, got a damaged record"):
        train(x, path, count=2)


def test_a_second_training_into_one_checkpoint_is_refused_before_it_disturbs_the_first(x, tmp_path, held_elsewhere):
    path, half_written = tmp_path / "run", tmp_path / f".run.{'a' * 32}"
    with held_elsewhere(path):
        half_written.write_bytes(b"of the other")
        with pytest.raises(BlockingIOError, match=r"checkpoint '.*run' can not be written: another process is writing"):
            train(x, path, count=1)
        assert half_written.exists()
    assert train(x, path, count=1).epochs == 1
    assert [file.name for file in tmp_path.iterdir()] == ["run"]


def test_a_refused_training_keeps_no_claim(x, tmp_path):
    train(x, tmp_path / "run", count=1)
    with pytest.raises(FileExistsError):
        fit(small_model(), x, KEY, batch_size=8, checkpoint=tmp_path / "run")
    with pytest.raises(ValueError, match="made with other settings"):
        train(x, tmp_path / "run", count=2, binarize=True)
    assert [file.name for file in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("settings", []),
        ("settings", None),
        ("seconds", "1.0"),
        ("seconds", ["1.0"]),
        ("train", {"elbo": 3}),
        ("train", []),
    ],
)
def test_a_record_of_other_kinds_is_refused(x, tmp_path, part, value):
    path = tmp_path / "a.safetensors"
    train(x, path, count=1)
    tensors, record = storage.read_tensors(path)
    (record if part == "settings" else record["history"])[part] = value
    storage.write_tensors(path, tensors, record, overwrite=True)
    reason = r"(TypeError\('of settings by name and of numbers by epoch'\)|AttributeError)"
    with pytest.raises(ValueError, match=f"must hold settings and a history, got a damaged record: {reason}"):
        train(x, path, count=2)
