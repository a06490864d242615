"""The variables of a model by name, as files and descriptions call them."""

import jax
from flax import nnx

Values = jax.Array | jax.ShapeDtypeStruct


def variables_of(model: nnx.Module, kind=nnx.Variable) -> dict[str, Values]:
    """A model's arrays by dotted name, such as "decoder.output.kernel"; of an abstract model the shapes."""
    leaves = jax.tree_util.tree_leaves_with_path(nnx.state(model, kind))
    variables = {leaf_name(path): leaf for path, leaf in leaves}
    if len(variables) < len(leaves):
        raise ValueError("the model's variables must have different dotted names; rename those with a dot in a name")
    return variables


def leaf_name(path) -> str:
    """A leaf's dotted name in a tree of variables: its path, without the step from a variable to its value."""
    value = jax.tree_util.GetAttrKey("value")
    return jax.tree_util.keystr(tuple(key for key in path if key != value), simple=True, separator=".")
