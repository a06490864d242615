"""The study of convolutions: the layers against Flax's own, and what a run keeps."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from vaelib import protocols, studies
from vaelib.studies import convolutions


@pytest.fixture(scope="module")
def model():
    return convolutions.ConvVAE(rngs=nnx.Rngs(0))


def conv(linear, inputs):
    """`nnx.Conv` of the same weights, on squares of 2 × 2."""
    layer = nnx.Conv(inputs, linear.out_features, (2, 2), strides=2, padding="VALID", rngs=nnx.Rngs(1))
    layer.kernel[...] = linear.kernel[...].reshape(2, 2, inputs, linear.out_features)
    layer.bias[...] = linear.bias[...]
    return layer


def test_squares_are_cut_row_by_row_and_joined_again():
    image = np.arange(16.0).reshape(1, 4, 4, 1)
    np.testing.assert_array_equal(convolutions.cut(image)[0, 0], [[0, 1, 4, 5], [2, 3, 6, 7]])
    image = np.random.default_rng(0).random((2, 3, 4, 6, 5), np.float32)
    np.testing.assert_array_equal(convolutions.joined(convolutions.cut(image)), image)


@pytest.mark.usefixtures("full_precision")
def test_the_encoder_is_two_convolutions_and_a_layer(model):
    x = np.random.default_rng(1).random((3, 784), np.float32)
    first, second = conv(model.down[0], 1), conv(model.down[1], 16)
    h = nnx.relu(second(nnx.relu(first(x.reshape(3, 28, 28, 1)))))
    q = model.encode(x)
    wanted = model.to_q(h.reshape(3, -1))
    np.testing.assert_allclose(jnp.concatenate([q.mu, q.log_var], axis=-1), wanted, rtol=1e-4, atol=1e-5)


def test_a_part_of_z_moves_a_square_of_the_image(model):
    """A unit of the 7 × 7 grid reaches its own 4 × 4 pixels and no others."""
    one = convolutions.ConvVAE(rngs=nnx.Rngs(0))
    kernel = np.zeros((20, 49 * 32), np.float32)
    kernel[0, 32 * 8 : 32 * 9] = 1.0  # the second square of the second row
    one.from_z.kernel[...] = jnp.asarray(kernel)
    z = np.zeros((2, 20), np.float32)
    z[1, 0] = 1.0
    there, moved = np.asarray(one.decode(z).logits).reshape(2, 28, 28)
    rows, columns = np.nonzero(there != moved)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4, 7, 4, 7)


def test_it_is_a_model_the_objectives_take(model):
    protocols.check_model(model)
    assert model.decode(jnp.zeros((2, 5, 20))).logits.shape == (2, 5, 784)


def test_a_run_keeps_its_curve_over_epochs_and_seconds():
    images = np.float32(np.random.default_rng(0).random((256, 784)) < 0.2)
    run = convolutions.Run((4,), epochs=3)
    found = convolutions.trained(run, images, images[:50])
    assert [point["epoch"] for point in found["curve"]] == [2, 3]
    assert found["elbo"] == found["curve"][-1]["elbo"]
    assert 0 <= found["curve"][0]["seconds"] <= found["curve"][1]["seconds"]
    assert found["weights"] == 784 * 4 + 4 + 2 * (4 * 20 + 20) + 20 * 4 + 4 + 4 * 784 + 784


def test_shuffled_pixels_are_the_same_pixels():
    images = np.float32(np.random.default_rng(0).random((128, 784)) < np.linspace(0, 0.9, 784))
    plain, shuffled = (
        convolutions.trained(convolutions.Run((4,), epochs=1, shuffled=shuffled), images, images)["elbo"]
        for shuffled in (False, True)
    )
    assert plain != shuffled
    assert abs(plain - shuffled) < 40  # of about 540 nats


def test_equal_weights_are_equal_to_a_hundredth():
    convolutional, usual = (convolutions.Run(hidden).build(0) for hidden in (None, convolutions.ALIKE))
    assert abs(convolutions.weights(usual) / convolutions.weights(convolutional) - 1) < 0.01


def test_every_run_ships():
    shipped = studies.load_study("convolutions")
    assert list(shipped) == list(convolutions.RUNS)
    for name, run in convolutions.RUNS.items():
        assert shipped[name]["epochs"] == run.epochs == shipped[name]["curve"][-1]["epoch"]
        assert shipped[name]["images"] == 10_000
