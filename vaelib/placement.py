"""Where arrays lie: on one device, whole on each device of a mesh, or split over it.

    a batch is split over the mesh of devices; weights, optimiser state and data are whole on each of them

A mesh is None where there is one device alone and nothing to say about it.
"""

from collections.abc import Iterable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from vaelib import checks


def data_mesh(devices: Sequence[jax.Device] | None, batch_size: int) -> Mesh | None:
    """The devices to split a batch over: as many of each process as divide it evenly; None where JAX has one in all.

    Raises TypeError for what are no devices, and ValueError where a process would be left without a device, or without
    a part of the batch.
    """
    devices = jax.devices() if devices is None else devices
    available = list(devices) if isinstance(devices, Iterable) else None
    if available is None or not all(isinstance(device, jax.Device) for device in available):
        raise TypeError(f"devices must be a list of JAX's devices, such as jax.devices()[:2], got {devices!r}")
    if not available:
        raise ValueError("devices must name at least one device, got none; leave it out to use jax.devices()")
    if len(set(available)) < len(available):
        raise ValueError(f"devices must be different ones, got {available}; name each once")
    processes = jax.process_count()
    of_process = [[device for device in available if device.process_index == i] for i in range(processes)]
    if not all(of_process):
        raise ValueError(
            f"devices must name at least one of each of the {processes} processes, got none of process "
            f"{of_process.index([])}; leave it out to use jax.devices()"
        )
    counts = [n for n in range(1, min(map(len, of_process)) + 1) if batch_size % (n * processes) == 0]
    if not counts:
        raise ValueError(
            f"batch_size must be a multiple of the number of processes, {processes}, for each to take its part of a "
            f"batch, got {batch_size}; use {-(-batch_size // processes) * processes}"
        )
    chosen = [device for group in of_process for device in group[: counts[-1]]]
    return None if jax.device_count() == 1 else Mesh(np.array(chosen), ("data",))


def local_mesh() -> Mesh | None:
    """All devices of this process, for what each process does by itself; None where it has one."""
    return None if jax.local_device_count() == 1 else Mesh(np.array(jax.local_devices()), ("data",))


def replicate(tree, mesh: Mesh | None):
    """The arrays, whole on every device of the mesh, wherever they were; each process passes the same ones."""
    if mesh is None:
        return tree
    whole_on_each = NamedSharding(mesh, PartitionSpec())
    if not _is_shared(mesh):
        return jax.device_put(tree, whole_on_each)

    def replicated(leaf):
        is_there = getattr(leaf, "sharding", None) == whole_on_each
        return leaf if is_there else jax.make_array_from_process_local_data(whole_on_each, leaf)

    return jax.tree.map(replicated, tree)


def split(x, mesh: Mesh | None):
    """Inside a program: x with its first axis split over the mesh."""
    return x if mesh is None else jax.lax.with_sharding_constraint(x, NamedSharding(mesh, PartitionSpec("data")))


def on_every_device(tree, mesh: Mesh | None):
    """Inside a program: the arrays whole on every device of the mesh, so that every process can read them."""
    return tree if mesh is None else jax.lax.with_sharding_constraint(tree, NamedSharding(mesh, PartitionSpec()))


def each_its_part(function, mesh: Mesh | None):
    """Inside a program: function(split, whole) -> split, run by each device on its own part of the first argument."""
    if mesh is None:
        return function
    part, whole_on_each = PartitionSpec("data"), PartitionSpec()
    return jax.shard_map(function, mesh=mesh, in_specs=(part, whole_on_each), out_specs=part, check_vma=False)


def fetch(tree, mesh: Mesh | None):
    """Whole arrays as new arrays of the default device, which go together with data placed anywhere."""
    return tree if mesh is None else jax.tree.map(_fetched, tree)


def _fetched(array: jax.Array) -> jax.Array:
    if isinstance(array, jax.core.Tracer):
        return array
    if checks.holds_keys(array):
        return jax.random.wrap_key_data(_fetched(jax.random.key_data(array)), impl=jax.random.key_impl(array))
    return jnp.asarray(np.asarray(array.addressable_data(0)))


def _is_shared(mesh: Mesh) -> bool:
    """Whether the mesh has devices of other processes."""
    return any(device.process_index != jax.process_index() for device in mesh.devices.flat)
