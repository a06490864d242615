"""What the loop over epochs does: which images, keys and numbers each step gets, and what its owner may do."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from vaelib.data import salt_and_pepper
from vaelib.distributions import Bernoulli, Gaussian
from vaelib.evaluation import evaluate
from vaelib.models import VAE
from vaelib.objectives import Terms, elbo
from vaelib.steps import plan_of_epoch
from vaelib.training import epochs, fit

KEY = jax.random.key(0)
ROWS, BATCH = 48, 8
STEPS = ROWS // BATCH


@pytest.fixture(scope="module")
def images():
    """Grey images whose first pixel says which they are."""
    x = np.random.default_rng(0).uniform(0.1, 0.9, (ROWS, 36)).astype(np.float32)
    x[:, 0] = np.arange(ROWS) / 64
    return x


def small_model(**config):
    return VAE.create(latent=2, hidden=(8,), pixels=36, **config)


def weights(model):
    return jax.tree.leaves(nnx.state(model, nnx.Param))


def assert_same_weights(a, b):
    for left, right in zip(weights(a), weights(b), strict=True):
        np.testing.assert_array_equal(left, right)


class Spy:
    """An objective that keeps what it was called with, a record a step or a block, in their order."""

    def __init__(self):
        self.records = []

    def __call__(self, model, x, key, **options):
        seen = {"x": x, "key": jax.random.key_data(key), **options}
        jax.debug.callback(lambda **values: self.records.append(values), **seen, ordered=True)
        return elbo(model, x, key, **options)

    def all(self, name):
        jax.effects_barrier()
        return np.stack([np.asarray(record[name]) for record in self.records])


def which(x):
    """The numbers of the images in batches x of shape (..., batch, pixel)."""
    return np.rint(x[..., 0] * 64).astype(int)


# --- what a step gets


def test_each_epoch_visits_the_images_once_in_an_order_of_its_own(images):
    spy = Spy()
    fit(small_model(), images, KEY, epochs=3, batch_size=BATCH, objective=spy, progress=False)
    orders = which(spy.all("x")).reshape(3, ROWS)
    for order in orders:
        assert sorted(order) == list(range(ROWS))
    different = [np.arange(ROWS), *orders]
    for i, order in enumerate(different):
        for other in different[:i]:
            assert np.mean(order == other) < 0.2


def test_of_a_last_smaller_batch_other_images_are_left_out_each_time(images):
    spy = Spy()
    fit(small_model(), images, KEY, epochs=4, batch_size=10, objective=spy, progress=False)
    visited = [set(order) for order in which(spy.all("x")).reshape(4, 40)]
    assert all(len(order) == 40 for order in visited)
    assert len(set.union(*visited)) == ROWS


def test_schedules_see_the_steps_of_the_whole_training(images):
    spy = Spy()
    fit(
        small_model(),
        images,
        KEY,
        epochs=3,
        batch_size=BATCH,
        objective=spy,
        beta=lambda step: 2.0 * step,
        progress=False,
    )
    np.testing.assert_array_equal(spy.all("beta"), 2.0 * np.arange(3 * STEPS))


def test_a_learning_rate_schedule_is_that_of_optax(images):
    schedule = optax.cosine_decay_schedule(3e-3, 3 * STEPS)
    ours, theirs = small_model(), small_model()
    fit(ours, images, KEY, epochs=3, batch_size=BATCH, learning_rate=schedule, progress=False)
    fit(theirs, images, KEY, epochs=3, batch_size=BATCH, optimizer=optax.adam(schedule), progress=False)
    for a, b in zip(weights(ours), weights(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
    constant = small_model()
    fit(constant, images, KEY, epochs=3, batch_size=BATCH, learning_rate=3e-3, progress=False)
    assert not np.allclose(weights(ours)[0], weights(constant)[0], atol=1e-4)


def test_no_key_is_used_twice(images):
    keys = []

    def corrupt(x, key):
        jax.debug.callback(lambda data: keys.append(np.asarray(data)), jax.random.key_data(key), ordered=True)
        return x

    spy = Spy()
    held_out = np.tile(images, (50, 1))  # three blocks
    options = {"epochs": 2, "batch_size": BATCH, "objective": spy, "corrupt": corrupt, "held_out": held_out}
    fit(small_model(), images, KEY, progress=False, **options)
    jax.effects_barrier()
    training = {tuple(record["key"].tolist()) for record in spy.records if "inputs" in record}
    evaluation = [tuple(record["key"].tolist()) for record in spy.records if "inputs" not in record]
    corruption = {tuple(key.tolist()) for key in keys}
    assert len(training) == len(corruption) == 2 * STEPS
    assert len(set(evaluation)) == 3, "a block has a key of its own, the same after each epoch"
    assert not training & corruption
    assert not set(evaluation) & (training | corruption)


def test_the_key_reuse_checker_of_jax_finds_nothing(images):
    with jax.debug_key_reuse(True):
        fit(
            small_model(),
            images,
            jax.random.key(5),
            epochs=2,
            batch_size=BATCH,
            held_out=images,
            binarize=True,
            corrupt=salt_and_pepper(0.2),
            progress=False,
        )


def test_the_encoder_sees_the_corrupted_images_and_the_terms_the_clean_ones(images):
    spy = Spy()
    options = {"epochs": 2, "batch_size": BATCH, "objective": spy, "corrupt": salt_and_pepper(0.3)}
    fit(small_model(), images, KEY, progress=False, **options)
    x, inputs = spy.all("x"), spy.all("inputs")
    assert sorted(which(x).reshape(2, ROWS)[0]) == list(range(ROWS))
    changed = inputs != x
    assert np.isin(inputs[changed], (0.0, 1.0)).all()
    assert np.mean(changed) == pytest.approx(0.3, abs=0.03)
    assert not np.array_equal(changed[:STEPS], changed[STEPS:]), "the noise is another in each epoch"


def test_held_out_images_are_binarized_once_by_a_key_of_their_own(images):
    spy = Spy()
    held_out = np.full((2500, 36), 0.5, np.float32)  # three blocks
    options = {"epochs": 2, "batch_size": BATCH, "objective": spy, "binarize": True, "held_out": held_out}
    fit(small_model(), images, KEY, progress=False, **options)
    jax.effects_barrier()
    blocks = [np.asarray(record["x"]) for record in spy.records if len(record["x"]) != BATCH]
    first, second = np.concatenate(blocks[:3]), np.concatenate(blocks[3:])
    assert set(np.unique(first)) == {0.0, 1.0}
    np.testing.assert_array_equal(first, second)
    # Drawn by the key of a block, an image would be that block's draws.
    for block in range(3):
        key = jax.random.fold_in(jax.random.fold_in(KEY, 0), block)
        assert not np.array_equal(first, jax.random.bernoulli(key, held_out).astype(np.float32)[: len(first)])


def test_held_out_images_are_evaluated_by_the_key_folded_with_0(images):
    model = small_model()
    history = fit(model, images, KEY, epochs=2, batch_size=BATCH, held_out=images[:5], progress=False)
    measured = evaluate(model, images[:5], jax.random.fold_in(KEY, 0))
    assert {name: values[-1] for name, values in history.held_out.items()} == measured


# --- what the loop's owner may do


def test_fit_is_the_loop(images):
    by_fit, by_loop = small_model(), small_model()
    history = fit(by_fit, images, KEY, epochs=3, batch_size=BATCH, held_out=images[:5], progress=False)
    training = epochs(by_loop, images, KEY, epochs=3, batch_size=BATCH, held_out=images[:5])
    seen = [(epoch.number, epoch.train, epoch.held_out) for epoch in training]
    assert [number for number, _, _ in seen] == [1, 2, 3]
    assert [train["elbo"] for _, train, _ in seen] == history.train["elbo"] == training.history.train["elbo"]
    assert [held_out["kl"] for _, _, held_out in seen] == history.held_out["kl"]
    assert_same_weights(by_fit, by_loop)


def test_breaking_off_keeps_the_weights_and_a_second_loop_goes_on(images):
    model, whole, half = small_model(), small_model(), small_model()
    training = epochs(model, images, KEY, epochs=4, batch_size=BATCH)
    for epoch in training:
        if epoch.number == 2:
            break
    fit(half, images, KEY, epochs=2, batch_size=BATCH, progress=False)
    assert_same_weights(model, half)
    assert [epoch.number for epoch in training] == [3, 4]
    fit(whole, images, KEY, epochs=4, batch_size=BATCH, progress=False)
    assert_same_weights(model, whole)
    assert list(training) == []


def test_an_epoch_that_was_interrupted_is_done_again(images, monkeypatch):
    """Stopped in the middle of an epoch, in a loop of one's own: nothing of it is left, and the loop may go on."""
    model, whole = small_model(), small_model()
    training = epochs(model, images, KEY, epochs=3, batch_size=BATCH)
    assert next(iter(training)).number == 1
    before = [np.asarray(leaf) for leaf in weights(model)]

    def interrupt(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("vaelib.training.stop_unless_finite", interrupt)
        with pytest.raises(KeyboardInterrupt):
            list(training)
    for leaf, wanted in zip(weights(model), before, strict=True):
        np.testing.assert_array_equal(leaf, wanted)
    assert [epoch.number for epoch in training] == [2, 3]
    fit(whole, images, KEY, epochs=3, batch_size=BATCH, progress=False)
    assert_same_weights(model, whole)


def test_what_the_body_does_to_the_model_is_trained_on(images):
    model = small_model()
    for epoch in epochs(model, images, KEY, epochs=2, batch_size=BATCH, learning_rate=1e-6):
        if epoch.number == 1:
            model.decoder.output.bias[...] = jnp.full(36, 3.0)
    np.testing.assert_allclose(model.decoder.output.bias[...], 3.0, atol=1e-3)


def test_bad_arguments_are_refused_before_the_loop(images):
    with pytest.raises(ValueError, match="epochs must be an integer of at least 1"):
        epochs(small_model(), images, KEY, epochs=0)
    with pytest.raises(ValueError, match="give one of them"):
        epochs(small_model(), images, KEY, batch_size=8, learning_rate=1e-3, optimizer=optax.sgd(1e-3))
    with pytest.raises(TypeError, match="unexpected keyword argument 'learning_rat'"):
        fit(small_model(), images, KEY, learning_rat=1e-3)


# --- data with labels, weights or masks


def weighted(model, batch, key, **options):
    terms = elbo(model, batch["images"], key, **options)
    return Terms(*(term * batch["weight"] for term in terms))


def test_a_batch_has_the_rows_of_every_part(images):
    records = []

    def objective(model, batch, key):
        x, labels = batch
        jax.debug.callback(lambda x, labels: records.append((which(x), labels)), x, labels)
        return elbo(model, x, key)

    data = (images, np.arange(ROWS, dtype=np.int32))
    fit(small_model(), data, KEY, epochs=2, batch_size=BATCH, objective=objective, held_out=data, progress=False)
    jax.effects_barrier()
    assert len(records) == 2 * STEPS + 2
    for numbers, labels in records:
        np.testing.assert_array_equal(numbers, labels)


def test_weights_weigh(images):
    data = {"images": images, "weight": np.r_[np.ones(24), np.zeros(24)].astype(np.float32)}
    model, alone = small_model(), small_model()
    options = {"epochs": 1, "optimizer": optax.sgd(1e-3), "progress": False}
    fit(model, data, KEY, batch_size=ROWS, objective=weighted, **options)
    plain = fit(alone, images, KEY, batch_size=ROWS, **options)
    assert not np.array_equal(weights(model)[0], weights(alone)[0])
    ones = data | {"weight": np.ones(ROWS, np.float32)}
    twin = small_model()
    history = fit(twin, ones, KEY, batch_size=ROWS, objective=weighted, **options)
    assert history.train["elbo"] == pytest.approx(plain.train["elbo"], rel=1e-6)
    for got, wanted in zip(weights(twin), weights(alone), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-9)


def test_images_among_other_parts_are_binarized_and_corrupted(images):
    seen = []

    def objective(model, batch, key, *, inputs):
        jax.debug.callback(lambda x, inputs: seen.append((x, inputs)), batch[0], inputs)
        return elbo(model, batch[0], key, inputs=inputs)

    data = (images, np.arange(ROWS))
    options = {"objective": objective, "binarize": True, "corrupt": salt_and_pepper(0.5), "progress": False}
    fit(small_model(), data, KEY, epochs=1, batch_size=BATCH, **options)
    jax.effects_barrier()
    x, inputs = (np.stack(part) for part in zip(*seen, strict=True))
    assert set(np.unique(x)) == {0.0, 1.0}
    assert 0.15 < np.mean(x != inputs) < 0.35


@pytest.mark.parametrize(
    ("parts", "error", "message"),
    [
        ((np.zeros(5, np.int32),), ValueError, r"data\[1\] must have 48 rows, one an image, got shape \(5,\)"),
        ((["a"] * ROWS,), TypeError, r"data\[1\]\[0\] must be an array, got str"),
        ((np.full(ROWS, "a"),), TypeError, r"data\[1\] must hold numbers, got dtype <U1"),
        ((np.float32(3),), TypeError, r"data\[1\] must be an array, got float32"),
    ],
)
def test_parts_that_do_not_fit_are_refused(images, parts, error, message):
    with pytest.raises(error, match=message):
        epochs(small_model(), (images, *parts), KEY)
    with pytest.raises(error, match=message):
        evaluate(small_model(), (images, *parts), KEY)


def test_data_without_images_is_refused(images):
    with pytest.raises(ValueError, match="a mapping with \"images\", got dict of 'labels'"):
        epochs(small_model(), {"labels": np.zeros(3)}, KEY)
    with pytest.raises(ValueError, match="got tuple of nothing"):
        epochs(small_model(), (), KEY)


# --- layers with a state, and optimisers that ask for the loss


class Stateful(nnx.Module):
    """A VAE of a reader's own, with batch normalisation and dropout."""

    def __init__(self, *, rngs: nnx.Rngs):
        self.latent, self.pixels = 2, 36
        self.hidden = nnx.Linear(36, 16, rngs=rngs)
        self.norm = nnx.BatchNorm(16, momentum=0.5, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)
        self.heads = nnx.Linear(16, 4, rngs=rngs)
        self.out = nnx.Linear(2, 36, rngs=rngs)

    def encode(self, x):
        mu, log_var = jnp.split(self.heads(self.dropout(nnx.relu(self.norm(self.hidden(x))))), 2, axis=-1)
        return Gaussian(mu, log_var)

    def decode(self, z):
        return Bernoulli(self.out(z))

    def check_data(self, x):
        return x


def test_stateful_layers_train_and_evaluate_deterministically(images):
    model = Stateful(rngs=nnx.Rngs(0))
    before = np.asarray(model.norm.mean[...]), int(model.dropout.rngs.count[...])
    history = fit(model, images, KEY, epochs=30, batch_size=BATCH, learning_rate=1e-2, progress=False)
    assert history.train["elbo"][-1] > history.train["elbo"][0] + 1
    assert not np.allclose(model.norm.mean[...], before[0])
    assert int(model.dropout.rngs.count[...]) == before[1] + 30 * STEPS
    h = np.asarray(images @ model.hidden.kernel[...] + np.asarray(model.hidden.bias[...])[None])
    np.testing.assert_allclose(model.norm.mean[...], h.mean(0), atol=0.2)  # running averages of what the layer sees
    assert not model.dropout.deterministic, "the model is left in the mode it was in"
    state = jax.tree.leaves(nnx.state(model, nnx.BatchStat))
    assert evaluate(model, images, KEY) == evaluate(model, images, KEY)
    for then, now in zip(state, jax.tree.leaves(nnx.state(model, nnx.BatchStat)), strict=True):
        np.testing.assert_array_equal(then, now)
    model.eval()
    again = fit(model, images, KEY, epochs=1, batch_size=BATCH, progress=False)
    assert int(model.dropout.rngs.count[...]) == before[1] + 31 * STEPS
    assert np.isfinite(again.train["elbo"]).all()


def test_stateful_layers_resume_to_the_bit(images, tmp_path):
    options = {"batch_size": BATCH, "progress": False}
    whole, first, second = (Stateful(rngs=nnx.Rngs(seed)) for seed in (0, 0, 7))
    uninterrupted = fit(whole, images, KEY, epochs=4, **options)
    fit(first, images, KEY, epochs=2, checkpoint=tmp_path / "run", **options)
    resumed = fit(second, images, KEY, epochs=4, checkpoint=tmp_path / "run", resume=True, **options)
    assert resumed.train == uninterrupted.train
    for a, b in zip(jax.tree.leaves(nnx.state(second)), jax.tree.leaves(nnx.state(whole)), strict=True):
        if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        np.testing.assert_array_equal(a, b)


def test_an_optimiser_is_told_the_loss(images):
    told = []

    def update(updates, state, params=None, *, value, **extra):
        jax.debug.callback(lambda value: told.append(float(value)), value, ordered=True)
        return jax.tree.map(lambda u: -1e-3 * u, updates), state

    optimizer = optax.GradientTransformationExtraArgs(lambda params: (), update)
    history = fit(small_model(), images, KEY, epochs=2, batch_size=BATCH, optimizer=optimizer, progress=False)
    jax.effects_barrier()
    np.testing.assert_allclose(told, -history.steps["elbo"], rtol=1e-6)


def test_reduce_on_plateau_reduces(images):
    on_plateau = optax.contrib.reduce_on_plateau(factor=0.5, patience=1, rtol=1.0)  # no loss is below 0
    optimizer = optax.chain(optax.adam(1e-3), on_plateau)
    training = epochs(small_model(), images, KEY, epochs=2, batch_size=BATCH, optimizer=optimizer)
    list(training)
    names = {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(training.state)}
    scale = [leaf for name, leaf in names.items() if name.endswith(".scale")]
    assert float(scale[0]) < 1.0


# --- numbers are traced, and equal settings share a program


def runs(compilations, images, variants):
    """How many programs each of the trainings compiles."""
    counts = []
    for model, options in variants:
        compilations.clear()
        fit(model, images, KEY, epochs=1, batch_size=BATCH, held_out=images[:7], progress=False, **options)
        counts.append(len(compilations))
    return counts


@pytest.mark.parametrize(
    "vary",
    [
        lambda i: (small_model(), {"beta": 0.1 * i}),
        lambda i: (small_model(), {"learning_rate": 1e-3 * (i + 1)}),
        lambda i: (small_model(likelihood="gaussian", sigma=0.1 * (i + 1)), {}),
    ],
    ids=["beta", "learning rate", "sigma"],
)
def test_a_sweep_compiles_once(images, compilations, vary):
    first, *others = runs(compilations, images, (vary(i) for i in range(10)))
    assert first >= 0
    assert others == [0] * 9


def test_a_sweep_gives_other_results(images):
    def kl(**options):
        return fit(small_model(), images, KEY, epochs=8, batch_size=BATCH, progress=False, **options).train["kl"][-1]

    assert kl(beta=5.0) < kl(beta=1.0) < kl(beta=0.1)
    assert kl(learning_rate=1e-2) != kl(learning_rate=1e-3)


@pytest.mark.unwrapped
def test_equal_closures_share_a_program_and_others_do_not(images, compilations):
    def variant(rate, peak):
        return small_model(), {
            "corrupt": salt_and_pepper(rate),
            "optimizer": optax.adam(optax.linear_schedule(0, peak, 9)),
        }

    counts = runs(compilations, images, [variant(0.1, 1.0), variant(0.1, 1.0), variant(0.2, 1.0), variant(0.2, 2.0)])
    assert counts[1] == 0
    assert min(counts[2:]) > 0


def test_training_works_under_strict_promotion(images):
    with jax.numpy_dtype_promotion("strict"):
        for optimizer in (None, optax.adamw(1e-3)):
            history = fit(small_model(), images, KEY, epochs=1, batch_size=8, optimizer=optimizer, progress=False)
            assert history.epochs == 1


def with_weights_of(dtype):
    model = small_model()
    nnx.update(model, jax.tree.map(lambda weight: weight.astype(dtype), nnx.state(model, nnx.Param)))
    return model


def test_weights_in_float16_are_refused_with_the_true_reason_and_bfloat16_trains(images):
    for epoch in epochs(with_weights_of(jnp.bfloat16), images, KEY, epochs=2, batch_size=8):
        assert np.isfinite(epoch.train["elbo"])
    with pytest.raises(TypeError, match=r"float32, .*got float16 in decoder\..* Adam's epsilon are 0 in it"):
        epochs(with_weights_of(jnp.float16), images, KEY, batch_size=8)


def test_the_best_weights_are_kept_by_a_copy(images):
    model, best, kept = small_model(), None, None
    for epoch in epochs(model, images, KEY, epochs=4, batch_size=8, learning_rate=0.1):
        if best is None or epoch.train["elbo"] > best:
            best, kept, number = epoch.train["elbo"], nnx.clone(model), epoch.number
    again = small_model()
    fit(again, images, KEY, epochs=number, batch_size=8, learning_rate=0.1, progress=False)
    for ours, theirs in zip(jax.tree.leaves(nnx.state(kept)), jax.tree.leaves(nnx.state(again)), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.usefixtures("fully_optimised")
def test_the_plan_of_an_epoch_does_not_depend_on_how_far_it_is_optimised():
    numbers, keys, rows = plan_of_epoch(ROWS, BATCH, None, KEY, 3)
    fully = jax.jit(plan_of_epoch.__wrapped__, static_argnums=(0, 1, 2))(ROWS, BATCH, None, KEY, 3)
    assert len(np.unique(rows)) == ROWS
    np.testing.assert_array_equal(numbers, fully[0])
    np.testing.assert_array_equal(jax.random.key_data(keys), jax.random.key_data(fully[1]))
    np.testing.assert_array_equal(rows, fully[2])


@pytest.mark.parametrize("broken", [jnp.bfloat16, jnp.float32])
def test_weights_of_every_dtype_have_to_stay_finite(images, broken):
    def to_infinity(updates, _):
        return jax.tree.map(lambda update: jnp.full_like(update, jnp.inf if update.dtype == broken else 0), updates)

    model = small_model()
    model.of_another_dtype = nnx.Param(jnp.zeros(3, jnp.bfloat16))
    with pytest.raises(FloatingPointError, match="a weight stopped being finite at the last step"):
        fit(model, images, KEY, batch_size=ROWS, optimizer=optax.stateless(to_infinity), progress=False)
