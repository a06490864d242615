"""What a model reaches on images it is given, without training on them."""

import jax
import numpy as np
from flax import nnx
from jaxtyping import Float, PRNGKeyArray

from vaelib import batches, checks
from vaelib.blocks import over_images
from vaelib.checks import AnyArray
from vaelib.objectives import Objective, elbo
from vaelib.protocols import check_model

BLOCK = 1000  # images evaluated at once


def evaluate(
    model: nnx.Module,
    data: Float[AnyArray, "image pixel"] | batches.Parts,
    key: PRNGKeyArray,
    *,
    objective: Objective = elbo,
) -> dict[str, float]:
    """The mean terms of the objective over the data: {"recon": …, "kl": …, "elbo": …}, in nats per image.

    The data are images, or images with what belongs to them, as in `epochs`. They are treated in blocks, split over the
    devices of this process, so memory does not grow with their number. Raises as the model's `check_data` does.
    """
    check_model(model)
    data, key = batches.checked(model, data, "data"), checks.key(key)
    terms = jax.device_get(over_images(objective, model, data, key, block=BLOCK))
    return {name: float(np.mean(values, dtype=np.float64)) for name, values in terms._asdict().items()}
