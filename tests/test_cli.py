"""The command line: what it writes, what it refuses, and how it exits."""

import json
import os
import signal
import struct
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import vaelib
from vaelib import recipes, results
from vaelib.__main__ import main
from vaelib.console import DIVERGED, INTERRUPTED
from vaelib.results import Curve

SMALL = ["--hidden", "16", "--layers", "1", "--limit", "256", "--epochs", "1", "--batch-size", "64"]


@pytest.fixture(autouse=True)
def _no_cache_on_disk(monkeypatch):
    monkeypatch.setattr("vaelib.compilation.cache_compiled_programs", lambda folder=None: folder)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "first"
    result = CliRunner().invoke(main, ["train", *SMALL, "--latent", "2", "--output", str(folder)])
    assert result.exit_code == 0, result.output
    return folder


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


def test_train_writes_model_history_checkpoint_and_pictures(trained):
    names = {path.name for path in trained.iterdir()}
    pictures = {"input.png", "reconstruction.png", "manifold.png", "labels.png"}
    assert names == {"model.safetensors", "checkpoint.safetensors", "history.json"} | pictures
    for name in pictures:
        with Image.open(trained / name) as picture:
            assert min(picture.size) > 100
    history = json.loads((trained / "history.json").read_text())
    assert len(history["train"]["elbo"]) == len(history["held_out"]["elbo"]) == 1
    assert vaelib.load_model(trained / "model.safetensors").hidden == (16,)


@pytest.fixture
def pictures(tmp_path):
    """A folder of colour pictures in two classes, 6 pixels high and 8 wide."""
    rng = np.random.default_rng(0)
    for name, colour in (("red", (200, 20, 20)), ("blue", (20, 20, 200))):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(10):
            pixels = np.clip(rng.normal(colour, 10, (6, 8, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pictures" / name / f"{number}.png")
    return tmp_path / "pictures"


def test_train_takes_a_folder_of_pictures_and_writes_them_in_their_shape(pictures, tmp_path):
    small = ["--hidden", 8, "--layers", 1, "--epochs", 1, "--batch-size", 8, "--latent", 2]
    result = run("train", *small, "--images", pictures, "--output", tmp_path / "own")
    assert result.exit_code == 0, result.output
    assert vaelib.load_model(tmp_path / "own" / "model.safetensors").image_shape == (6, 8, 3)
    history = json.loads((tmp_path / "own" / "history.json").read_text())
    assert len(history["held_out"]["elbo"]) == 1
    with Image.open(tmp_path / "own" / "input.png") as sheet:  # four held-out pictures, wider than high, some in colour
        colours = np.asarray(sheet.convert("RGB"), int)
        assert sheet.width > 2 * sheet.height
        assert np.ptp(colours, axis=-1).max() > 100
    assert (tmp_path / "own" / "labels.png").exists()
    result = run("train", *small, "--images", pictures, "--size", 4, 4, "--output", tmp_path / "small")
    assert result.exit_code == 0, result.output
    assert vaelib.load_model(tmp_path / "small" / "model.safetensors").image_shape == (4, 4, 3)


def test_train_takes_the_labels_of_idx_images_from_a_file_of_their_own(tmp_path):
    rng = np.random.default_rng(0)
    for name, array in (("images", rng.integers(0, 256, (20, 6, 8))), ("labels", np.arange(20) % 2)):
        sizes = struct.pack(f">{array.ndim}I", *array.shape)
        (tmp_path / name).write_bytes(bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes())
    small = ["--hidden", 8, "--layers", 1, "--epochs", 1, "--batch-size", 8, "--latent", 2, "--no-PRR"]
    own = ["--images", tmp_path / "images", "--size", 4, 4]
    for output, labels in (("without", []), ("own", ["--labels", tmp_path / "labels"])):
        result = run("train", *small, *own, *labels, "--output", tmp_path / output)
        assert result.exit_code == 0, result.output
        assert vaelib.load_model(tmp_path / output / "model.safetensors").image_shape == (4, 4, 1)
        assert (tmp_path / output / "labels.png").exists() == bool(labels)  # the map of the codes by class


def test_labels_that_belong_to_no_images_are_refused(pictures, tmp_path):
    (tmp_path / "labels").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 1, 0]))
    labels = ["--labels", tmp_path / "labels", "--output", tmp_path / "own"]
    result = run("train", *labels)
    assert result.exit_code == 2
    assert "pass --images FILE" in result.output
    result = run("train", "--images", pictures, *labels)
    assert result.exit_code == 1
    assert "the folders inside it are the classes" in result.output
    assert not (tmp_path / "own").exists()


def test_evaluate_measures_pictures_and_of_them_those_that_train_held_out(pictures, tmp_path):
    small = ["--hidden", 8, "--layers", 1, "--epochs", 1, "--batch-size", 8, "--latent", 2, "--seed", 3]
    trained = run("train", *small, "--images", pictures, "--no-PRR", "--output", tmp_path / "own")
    assert trained.exit_code == 0, trained.output
    options = [tmp_path / "own" / "model.safetensors", "--images", pictures, "--samples", 5, "--seed", 3]
    every, held_out = (json.loads(run("evaluate", *options, "--json", *more).output) for more in ([], ["--held-out"]))
    assert (every["test_images"], held_out["test_images"]) == (20, 4)
    assert every["source"] == str(pictures)
    rows = np.random.default_rng(3).permutation(20)[:4]
    images = vaelib.load_images(pictures, progress=False).images[rows]
    model = vaelib.load_model(tmp_path / "own" / "model.safetensors")
    wanted = results.measure(model, images, binarize=False, seed=3, samples=5)
    assert held_out["elbo"] == pytest.approx(wanted["elbo"], rel=1e-5)
    table = run("evaluate", *options, "--held-out", "--limit", 10).output
    assert "2 held-out images of pictures, nats per image" in table


def test_evaluate_refuses_pictures_that_do_not_fit(pictures, trained):
    result = run("evaluate", trained / "model.safetensors", "--images", pictures, "--samples", 5)
    assert result.exit_code == 1
    assert "x must have shape (*batch, 784)" in result.output
    for option in (["--held-out"], ["--size", 4, 4]):
        result = run("evaluate", trained / "model.safetensors", *option)
        assert result.exit_code == 2
        assert "pass --images FOLDER" in result.output


def test_pictures_that_can_not_be_trained_on_are_refused(pictures, tmp_path):
    for name in ("red", "blue"):
        for path in sorted((pictures / name).iterdir())[1 - (name == "blue") :]:
            path.unlink()
    result = run("train", "--images", pictures, "--output", tmp_path / "own")
    assert result.exit_code == 1
    assert "at least 2 images" in result.output
    assert not (tmp_path / "own").exists()
    result = run("train", "--size", 4, 4, "--output", tmp_path / "own")
    assert result.exit_code == 2
    assert "pass --images FOLDER" in result.output


def test_train_does_not_touch_a_folder_in_use(trained):
    before = {path.name: path.read_bytes() for path in trained.iterdir()}
    result = run("train", *SMALL, "--latent", 2, "--output", trained)
    assert result.exit_code == 1
    assert "--resume" in result.output
    assert before == {path.name: path.read_bytes() for path in trained.iterdir()}


def test_train_resumes(trained, tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir()
    for path in trained.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    result = run("train", *SMALL, "--latent", 2, "--output", folder, "--resume", "--epochs", 3)
    assert result.exit_code == 0, result.output
    assert len(json.loads((folder / "history.json").read_text())["train"]["elbo"]) == 3


def test_train_begins_in_a_folder_that_holds_what_a_killed_one_left(tmp_path):
    left = tmp_path / f".checkpoint.safetensors.{'0f' * 16}"
    for file in (left, tmp_path / ".checkpoint.safetensors.lock"):
        file.touch()
    arguments = ["train", *SMALL, "--no-PRR", "--latent", 3, "--output", tmp_path]
    refused = run(*arguments, "--resume")
    assert (refused.exit_code, "leave out --resume" in refused.output) == (1, True)
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    assert "wrote checkpoint.safetensors, history.json, model.safetensors to" in result.output
    assert len(list(tmp_path.iterdir())) == 3
    (tmp_path / "checkpoint.safetensors").unlink()
    refused = run(*arguments)
    assert (refused.exit_code, "is not empty; pass another --output" in refused.output) == (1, True)


def test_resume_leaves_a_foreign_folder_alone(tmp_path):
    history = tmp_path / "history.json"
    history.write_text("[1, 2]")
    result = run("train", *SMALL, "--latent", 2, "--output", tmp_path, "--resume")
    assert result.exit_code == 1
    assert "no checkpoint.safetensors to go on from" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["history.json"]
    assert history.read_text() == "[1, 2]"


@pytest.mark.parametrize("changed", [["--add-noise", 0.9], ["--sigma", 0.2], ["--learning-rate", 0.5]])
def test_resume_refuses_other_settings_and_writes_nothing(tmp_path, changed):
    options = {"--add-noise": 0.1, "--sigma": 0.1, "--likelihood": "gaussian", "--learning-rate": 1e-3}
    arguments = ["train", *SMALL, "--no-PRR", "--latent", 2, "--output", tmp_path]
    assert run(*arguments, *(x for pair in options.items() for x in pair)).exit_code == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    options |= {changed[0]: changed[1], "--epochs": 2}
    result = run(*arguments, *(x for pair in options.items() for x in pair), "--resume")
    assert result.exit_code == 1
    assert "made with other settings" in result.output
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_options_of_the_cited_implementation_are_understood(tmp_path):
    cited = ["--dim_z", 3, "--n_hidden", 16, "--learn_rate", 1e-3, "--num_epochs", 1, "--batch_size", 64, "--add_noise"]
    result = run("train", *cited, "--PRR", "--no-PMLR", "--layers", 1, "--limit", 256, "--output", tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert vaelib.load_model(tmp_path / "run" / "model.safetensors").latent == 3
    assert (tmp_path / "run" / "reconstruction.png").exists()
    assert not (tmp_path / "run" / "manifold.png").exists()


def test_the_cited_command_lines_run_as_written(tmp_path):
    words = "--dim_z 2 --num_epochs 1 --add_noise True --PMLR True --PRR True --results_path"
    result = run("train", *SMALL, *words.split(), tmp_path / "results")
    assert result.exit_code == 0, result.output
    written = {path.name for path in (tmp_path / "results").iterdir()}
    assert {"manifold.png", "labels.png", "reconstruction.png"} <= written
    wrong = run("train", "--add_noise", "maybe", "--results_path", tmp_path / "other")
    assert (wrong.exit_code, (tmp_path / "other").exists()) == (2, False)


def test_resume_of_a_folder_that_is_not_there_is_refused(tmp_path):
    result = run("train", *SMALL, "--output", tmp_path / "mistyped", "--resume")
    assert result.exit_code == 1
    assert "holds no checkpoint.safetensors to go on from" in result.output
    assert not (tmp_path / "mistyped").exists()


def test_a_console_without_greek_letters_gets_all_numbers(trained):
    command = [sys.executable, "-m", "vaelib", "evaluate", str(trained / "model.safetensors"), "--limit", "50"]
    environment = os.environ | {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([*command, "--samples", "10"], capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert b"log p(x)" in done.stdout
    assert b"active units" in done.stdout


def test_a_second_interruption_exits_with_130(tmp_path, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(vaelib.training, "evaluate", interrupted)
    assert run("train", *SMALL, "--output", tmp_path / "run").exit_code == INTERRUPTED


@pytest.mark.parametrize(
    "likelihood", [["bernoulli"], ["continuous-bernoulli"], ["gaussian", "--sigma", "learned"], ["gaussian"]]
)
def test_every_likelihood_trains(tmp_path, likelihood):
    result = run("train", *SMALL, "--no-PRR", "--likelihood", *likelihood, "--output", tmp_path / "run")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--latent", "0"], "0 is not in the range"),
        (["train", "--PMLR", "--latent", "5"], "needs --latent 2"),
        (["train", "--sigma", "wide"], 'must be a number or "learned"'),
        (["train", "--likelihood", "poisson"], "poisson"),
        (["walk"], "No such command"),
    ],
)
def test_wrong_words_exit_with_2(tmp_path, arguments, message):
    result = run(*arguments, *(["--output", tmp_path / "run"] if arguments[0] == "train" else []))
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "no-such-file.safetensors"], "no-such-file.safetensors"),
        (["pretrain", "bernoulli-z3"], "'bernoulli-z2'"),
        (["train", "--limit", "10001"], "limit must be at most 10000"),
        (["train", "--limit", "100", "--batch-size", "101"], "batch_size must be at most"),
    ],
)
def test_refusals_exit_with_1_and_one_line(tmp_path, arguments, message, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 1
    assert message in result.output
    assert "Traceback" not in result.output


def test_divergence_has_an_exit_code_of_its_own(tmp_path):
    result = run("train", *SMALL, "--learning-rate", 1e30, "--output", tmp_path / "run")
    assert result.exit_code == DIVERGED
    assert "step" in result.output


def test_interruption_saves_and_exits_with_130(tmp_path, monkeypatch):
    real = vaelib.training.evaluate

    def press(*args, **kwargs):
        os.kill(os.getpid(), signal.SIGINT)
        return real(*args, **kwargs)

    monkeypatch.setattr(vaelib.training, "evaluate", press)
    result = run("train", *SMALL, "--epochs", 5, "--no-PRR", "--output", tmp_path / "run")
    assert result.exit_code == INTERRUPTED
    assert len(json.loads((tmp_path / "run" / "history.json").read_text())["train"]["elbo"]) == 1
    assert vaelib.load_model(tmp_path / "run" / "model.safetensors").latent == 20


def test_evaluate_prints_a_table_or_json(trained):
    model = trained / "model.safetensors"
    table = run("evaluate", model, "--limit", 100, "--samples", 20, "--binarize")
    assert table.exit_code == 0, table.output
    for words in ("ELBO", "log p(x)", "active units", "100 test images", "nats"):
        assert words in table.output
    result = json.loads(run("evaluate", model, "--limit", 100, "--samples", 20, "--binarize", "--json").output)
    assert result["elbo"] < result["log_px"]
    assert result["elbo"] == pytest.approx(result["recon"] - result["kl"], rel=1e-5)
    assert f"{result['elbo']:.2f}" in table.output


def test_pretrain_makes_a_loadable_model_and_records_what_it_measured(tmp_path, monkeypatch):
    quick = recipes.Recipe(vaelib.VAE.create, {"latent": 2}, binarize=True, epochs=1, batch_size=64, hidden=(16,))
    monkeypatch.setitem(recipes.RECIPES, "bernoulli-z2", quick)
    arguments = ["pretrain", "bernoulli-z2", "--source", "bundled", "--limit", 256, "--samples", 20]
    result = run(*arguments, "--output", tmp_path)
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "results.json").read_text())["bernoulli-z2"]
    assert record["elbo"] == pytest.approx(record["elbo_float32"], abs=0.05)
    assert record["training_images"] == record["test_images"] == 256
    assert vaelib.load_model(tmp_path / "bernoulli-z2.safetensors").latent == 2
    again = run(*arguments, "--output", tmp_path)
    assert again.exit_code == 1
    assert "--overwrite" in again.output


def test_pretrain_goes_on_from_an_interruption_and_keeps_its_curve(tmp_path, monkeypatch):
    quick = recipes.Recipe(
        vaelib.VAE.create, {"latent": 2}, binarize=True, epochs=4, batch_size=64, hidden=(16,), curve_every=2
    )
    monkeypatch.setitem(recipes.RECIPES, "bernoulli-z2", quick)
    arguments = ["pretrain", "bernoulli-z2", "--source", "bundled", "--limit", 256, "--samples", 20]

    def add_and_interrupt(curve, epochs, model, history):
        add(curve, epochs, model, history)
        if epochs == 3:
            signal.raise_signal(signal.SIGINT)

    add = Curve.add
    monkeypatch.setattr(Curve, "add", add_and_interrupt)
    assert run(*arguments, "--output", tmp_path).exit_code == INTERRUPTED
    first = json.loads((tmp_path / "results.json").read_text())["bernoulli-z2"]["curve"]
    assert [point["epoch"] for point in first] == [2]
    result = run(*arguments, "--output", tmp_path)
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "results.json").read_text())["bernoulli-z2"]
    assert record["curve"][0] == first[0]
    assert [point["epoch"] for point in record["curve"]] == [2, 4]
    assert record["curve"][0]["minutes"] <= record["curve"][1]["minutes"]
