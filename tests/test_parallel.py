"""Training on several devices and in several processes, simulated on one CPU."""

import json
import os
import subprocess
import sys
import textwrap
import time
from contextlib import ExitStack

import jax
import numpy as np
import pytest
from loopback import free_address

from vaelib.parallel import join
from vaelib.placement import data_mesh

DEVICES = 2  # of each process
TRAINING = textwrap.dedent("""
    import json, signal, sys
    import jax
    import numpy as np
    from flax import nnx
    from vaelib import VAE, fit, load_mnist
    from vaelib.parallel import join
    from vaelib.placement import data_mesh

    images = load_mnist("train", limit=320)[0]

    def train(model=None, images=images, **options):
        model = model or VAE.create(latent=4, hidden=(32,))
        options = {"epochs": 2, "batch_size": 64, "binarize": True, "held_out": images[:50]} | options
        history = fit(model, images, jax.random.key(0), progress=False, **options)
        weight = nnx.state(model, nnx.Param)["decoder"]["output"]["kernel"][...]
        return model, {
            "elbo": history.train["elbo"] + history.held_out["elbo"],
            "weight": np.asarray(weight).ravel().tolist(),
            "epochs": history.epochs,
            "interrupted": history.interrupted,
        }
    """)
ON_ONE_HOST = """
from functools import partial
from vaelib import codes, elbo, evaluate, log_evidence

shardings = []

def spy(model, x, key):
    jax.debug.inspect_array_sharding(x, callback=shardings.append)
    return elbo(model, x, key)

first, last = jax.devices()[0], jax.devices()[-1]
model, several = train()
train(objective=spy, held_out=None)
results = {"several": several, "one": train(devices=[first])[1]}
results["batch split over"] = len(shardings[0].device_set) if not shardings[0].is_fully_replicated else 1
fit(model, images, jax.random.key(1), epochs=1, batch_size=64, devices=[first], progress=False)
results["used of 8"] = {size: data_mesh(None, size).devices.size for size in (64, 60, 7)}

placed = {"numpy": images, "first": jax.device_put(images, first), "last": jax.device_put(images, last)}
key = jax.random.key(2)
results["placed"] = {
    name: {
        "trained": train(images=x, held_out=x[:50])[1]["elbo"],
        "evaluated": evaluate(model, x, key),
        "evidence": np.asarray(log_evidence(model, x[:250], key, num_samples=60)).tolist(),
        "codes": np.asarray(codes(model, x[:30])).tolist(),
        "elbo": np.asarray(elbo(model, jax.numpy.asarray(x[:30]), key).recon).tolist(),
    }
    for name, x in placed.items()
}
split = []

def evaluated(model, x, key):
    jax.debug.callback(lambda _: split.append(len(x)), x[0, 0])
    return elbo(model, x, key)

evaluate(model, np.tile(images, (20, 1)), key, objective=evaluated)  # 6,400 images: seven blocks, one of padding
jax.effects_barrier()
results["blocks"] = len(split)
jax.local_devices = lambda: [first]
jax.local_device_count = lambda: 1
results["placed"]["one device"] = results["placed"]["numpy"] | {
    "evaluated": evaluate(model, images, key),
    "evidence": np.asarray(log_evidence(model, images[:250], key, num_samples=60)).tolist(),
    "codes": np.asarray(codes(model, images[:30])).tolist(),
}
print(json.dumps(results))
"""
ON_TWO_HOSTS = """
address, process, checkpoint = sys.argv[1], int(sys.argv[2]), sys.argv[3]
join(address, 2, process)

def stop_here(epochs, model, history):
    if process == 1:
        signal.raise_signal(signal.SIGINT)

def refusal(**options):
    try:
        train(**options)
    except (ValueError, OSError) as error:
        return f"{type(error).__name__}: {error}"

results = {"devices": len(jax.devices()), "whole": train()[1]}
train(epochs=1, checkpoint=checkpoint)
results["resumed"] = train(checkpoint=checkpoint, resume=True)[1]
results["stopped"] = train(callback=stop_here)[1]
results["other images"] = refusal(images=images[process:])
results["other key"] = refusal(beta=1.0 + process)
results["one has bad images"] = refusal(images=images * (1 - 2 * process))
results["one finds a checkpoint"] = refusal(checkpoint=checkpoint if process else checkpoint + "2")
results["odd batch"] = refusal(batch_size=63)
results["devices of one"] = refusal(devices=jax.devices()[:1])
results["weights"] = refusal(model=VAE.create(seed=process, latent=4, hidden=(32,)))
print(json.dumps(results))
"""


def environment(devices):
    return os.environ | {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}", "JAX_PLATFORMS": "cpu"}


def skip_on_windows():
    if sys.platform == "win32":
        pytest.skip("between processes on CPUs JAX communicates on Linux and macOS only")


def run_together(folder, commands, devices=DEVICES):
    """The standard outputs of processes that run at the same time, and all end well."""
    # To files: of two pipes, the one that is not being read would fill up, and each process waits for the other.
    outputs, errors = ([folder / f"{name}{i}.txt" for i in range(len(commands))] for name in ("output", "errors"))
    with ExitStack() as stack:
        running = []
        for command, output, error in zip(commands, outputs, errors, strict=True):
            files = {"stdout": stack.enter_context(output.open("w")), "stderr": stack.enter_context(error.open("w"))}
            process = subprocess.Popen([sys.executable, *command], env=environment(devices), **files)
            running.append(stack.enter_context(process))
            stack.callback(process.kill)
        for process, error in zip(running, errors, strict=True):
            assert process.wait(timeout=300) == 0, error.read_text()
    return [output.read_text() for output in outputs]


@pytest.fixture(scope="module")
def one_host(tmp_path_factory):
    return json.loads(run_together(tmp_path_factory.mktemp("host"), [["-c", TRAINING + ON_ONE_HOST]], devices=8)[0])


@pytest.fixture(scope="module")
def two_hosts(tmp_path_factory):
    skip_on_windows()
    folder, address = tmp_path_factory.mktemp("hosts"), free_address()
    arguments = [[address, str(process), str(folder / "checkpoint.safetensors")] for process in (0, 1)]
    outputs = run_together(folder, [["-c", TRAINING + ON_TWO_HOSTS, *given] for given in arguments])
    return [json.loads(line) for output in outputs for line in output.splitlines() if line.startswith("{")]


def assert_same_training(one, other):
    """Equal to rounding: float32 sums are taken in another order."""
    np.testing.assert_allclose(one["elbo"], other["elbo"], rtol=1e-4)
    np.testing.assert_allclose(one["weight"], other["weight"], atol=2e-3)


def test_eight_devices_train_to_the_result_of_one(one_host):
    assert one_host["batch split over"] == 8
    assert_same_training(one_host["several"], one_host["one"])


def test_data_may_lie_anywhere_and_evaluation_uses_all_devices(one_host):
    """Nothing of a training on several devices is left behind that would refuse data of one of them."""
    wanted = one_host["placed"].pop("one device")
    assert one_host["blocks"] == 8
    assert set(one_host["placed"]) == {"numpy", "first", "last"}
    for found in one_host["placed"].values():
        for name, values in found.items():
            if name == "evaluated":
                assert values == pytest.approx(wanted[name], rel=1e-5)
            else:
                np.testing.assert_allclose(values, wanted[name], rtol=1e-3, atol=1e-4)


def test_two_processes_train_to_the_result_of_one(one_host, two_hosts):
    for results in two_hosts:
        assert results["devices"] == 2 * DEVICES
        assert_same_training(results["whole"], one_host["one"])
    assert two_hosts[0]["whole"] == two_hosts[1]["whole"]


def test_two_processes_resume_to_the_bit(two_hosts):
    for results in two_hosts:
        assert results["resumed"] == results["whole"]


def test_one_stopped_process_stops_both_after_the_same_epoch(two_hosts):
    for results in two_hosts:
        assert results["stopped"]["interrupted"]
        assert results["stopped"]["epochs"] == 1
    assert two_hosts[0]["stopped"] == two_hosts[1]["stopped"]


@pytest.mark.parametrize(
    ("case", "first", "second"),
    [
        ("other images", "different data", "different data"),
        ("other key", "different beta", "different beta"),
        ("one has bad images", "another process stopped", "pixels"),
        ("one finds a checkpoint", "another process stopped", "exists; pass resume=True"),
        ("odd batch", "multiple of the number of processes, 2", "got 63; use 64"),
        ("devices of one", "got none of process 1", "leave it out"),
        ("weights", "different weights or checkpoint", "the same arguments"),
    ],
)
def test_processes_that_do_not_fit_together_all_refuse(two_hosts, case, first, second):
    for results, message in zip(two_hosts, (first, second), strict=True):
        assert message in results[case]


def test_the_command_trains_over_two_processes_and_the_first_writes(tmp_path):
    skip_on_windows()
    address = free_address()
    command = ["-m", "vaelib", "train", "--limit", "256", "--hidden", "16", "--layers", "1", "--epochs", "1"]
    command += ["--coordinator", address, "--processes", "2", "--no-reconstructions", "--output", str(tmp_path / "run")]
    first, second = run_together(tmp_path, [[*command, "--process", str(process)] for process in (0, 1)])
    assert "wrote checkpoint.safetensors, history.json, model.safetensors" in first
    assert "wrote" not in second


@pytest.mark.parametrize("last", [0, 1])
def test_processes_may_end_one_long_after_the_other(tmp_path, last):
    skip_on_windows()
    code = f"""
        import jax, sys, time
        from vaelib.parallel import any_process, join
        join(sys.argv[1], 2, int(sys.argv[2]))
        any_process(False)
        time.sleep(2 * (jax.process_index() == {last}))
        print("ended")
        """
    address = free_address()
    outputs = run_together(tmp_path, [["-c", textwrap.dedent(code), address, str(i)] for i in range(2)])
    assert all("ended" in output.splitlines() for output in outputs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("here", 2, 0), "coordinator must be HOST:PORT"),
        (("127.0.0.1:80", 2, 2), "must be below processes, 2"),
    ],
)
def test_numbers_of_processes_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        join(*arguments)


def test_numbers_that_jax_can_not_find_out_are_asked_for(tmp_path):
    command = [sys.executable, "-m", "vaelib", "train", "--processes", "2", "--output", str(tmp_path / "run")]
    refused = subprocess.run(command, env=environment(1), capture_output=True, text=True)
    assert refused.returncode == 1
    assert "needs coordinator, processes and process" in refused.stderr


def test_a_batch_is_split_over_the_most_devices_that_divide_it(one_host):
    assert one_host["used of 8"] == {"64": 8, "60": 6, "7": 7}


def test_no_device_is_refused():
    with pytest.raises(ValueError, match="devices must name at least one device, got none"):
        data_mesh([], 64)


def test_devices_may_be_an_iterator():
    assert data_mesh(iter(jax.devices()), 64) == data_mesh(jax.devices(), 64)


def test_the_coordinator_listens_at_its_own_address_alone(monkeypatch):
    calls = []
    monkeypatch.setattr("vaelib.parallel.meet", lambda *_: [])
    monkeypatch.setattr(jax.distributed, "initialize", lambda *args, **options: calls.append((args, options)))
    join("127.0.0.1:9876", 2, 0)
    ((arguments, options),) = calls
    assert arguments == ("127.0.0.1:9876", 2, 0)
    assert options["coordinator_bind_address"] == "127.0.0.1:9876"


def test_a_device_that_is_named_twice_is_refused():
    with pytest.raises(ValueError, match="devices must be different ones"):
        data_mesh([jax.devices()[0]] * 2, 64)


@pytest.mark.parametrize("lost", [0, 1])
def test_where_one_process_is_killed_the_other_ends_with_one_sentence(tmp_path, lost):
    skip_on_windows()
    address, checkpoint = free_address(), tmp_path / "run" / "checkpoint.safetensors"
    options = ["--latent", 2, "--hidden", 4, "--limit", 128, "--batch-size", 64, "--epochs", 100_000]
    options += ["--output", tmp_path / "run", "--coordinator", address, "--processes", 2, "--process"]
    command = [sys.executable, "-m", "vaelib", "train", *map(str, options)]
    with ExitStack() as stack:
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True, "env": environment(1)}
        runs = [stack.enter_context(subprocess.Popen([*command, str(i)], **pipes)) for i in range(2)]
        try:
            while not checkpoint.exists():
                assert [run.poll() for run in runs] == [None, None]
                time.sleep(0.1)
            runs[lost].kill()
            _, said = runs[1 - lost].communicate(timeout=60)
        finally:
            for run in runs:
                run.kill()
    assert "Error: another process of this training has ended, or can not be reached" in said
    assert runs[1 - lost].returncode == 1
    assert "Traceback" not in said
