"""Admission control: a package is admitted whole or not at all, and every reason against it is said at once."""

import io
import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from department import EDGE, Brightness, Perceptron, Transformer, export, package, seal
from torch import Tensor, nn

from services.imaging.domain.admission import METADATA, Candidate, Trial, problems
from services.imaging.inference import graph
from services.imaging.inference.attempt import attempt
from services.imaging.inference.package import picture_of
from services.imaging.inference.screening import Suspicious, screen
from services.imaging.packages import shelf
from services.imaging.packages.candidate import examine, require_admissible
from services.imaging.packages.folder import survey
from services.imaging.packages.metadata import Metadata, model_of, parse
from shared.errors import InvalidResource

CHEST = Path(__file__).parents[2] / "models" / "cxr-pneumonia-paediatric"


def untried(folder: Path) -> list[str]:
    """What is wrong with a package, its graph not asked: where and what."""
    _, candidate = examine(folder, lambda _: Trial({"logits": (2, 1)}, 0.0))
    return [f"{problem.where}: {problem.what}" for problem in problems(candidate)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package(tmp_path_factory.mktemp("made") / "invented", Transformer(), "model.ts")


@pytest.fixture
def copied(made: Path, tmp_path: Path) -> Callable[..., Path]:
    """Call it for a copy of a good package, changed in its metadata."""

    def copy(change: Callable[[dict[str, Any]], None] | None = None) -> Path:
        folder = Path(shutil.copytree(made, tmp_path / "copy"))
        if change:
            metadata = json.loads((folder / METADATA).read_text())
            change(metadata)
            (folder / METADATA).write_text(json.dumps(metadata))
        return folder

    return copy


def test_the_released_chest_model_is_admitted() -> None:
    declared, candidate = require_admissible(CHEST, attempt)
    assert candidate.trial
    assert candidate.trial.shapes["evidence"] == (2, 1, 10, 10)
    assert declared.hub.name == "cxr-pneumonia-paediatric"


def test_an_empty_folder_is_told_everything_that_it_lacks_at_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidResource, match="is not admitted") as refused:
        require_admissible(tmp_path, attempt)
    for lacking in (METADATA, "models/", "docs/README.md", "docs/license.txt"):
        assert lacking in refused.value.message


def without(path: str) -> Callable[[Path], None]:
    return lambda folder: (folder / path).unlink()


def write(path: str, text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / path).write_text(text) and None


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (without("docs/README.md"), "docs/README.md: there is no model card"),
        (write("docs/README.md", "# A card\n" + "It is very good. " * 50), "docs/README.md: the card lacks basic info"),
        (without("docs/license.txt"), "docs/license.txt: there is no licence"),
        (without("evaluation.json"), "evaluation.json: there is no evaluation"),
        (write("evaluation.json", '{"model": "other", "version": "1.0.0"}'), "is the evaluation of another model"),
        (write("evaluation.json", '{"model": "invented", "version": "1.0.0", "auc": 1}'), "no figure has an interval"),
        (write("models/model.onnx", "x"), "models/: 2 graphs where one is expected"),
    ],
)
def test_a_package_without_its_papers_is_not_admitted(
    tmp_path: Path, made: Path, spoil: Callable[[Path], None], said: str
) -> None:
    folder = Path(shutil.copytree(made, tmp_path / "copy"))
    spoil(folder)
    seal(folder, json.loads((made / METADATA).read_text()))
    assert any(said in problem for problem in untried(folder))


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("classes", 0, "codes"), [], "hub.classes[0].codes: a finding without a code"),
        (("classes", 0, "threshold"), 1.5, "hub.classes[0].threshold: a threshold that is no probability"),
        (("classes", 0, "flags"), False, "hub.classes: nothing is flagged"),
        (("use", "modalities"), [], "hub.use.modalities: no modality is named"),
        (("use", "body_parts"), [], "hub.use.body_parts: no body part is named"),
        (("use", "sentence"), "", "hub.use.sentence"),
        (("licence",), None, "hub.licence"),
        (("name",), "../../evil", "hub.name"),
        (("preprocessing",), [{"step": "python", "code": "import os"}], "hub.preprocessing"),
        (("preprocessing",), [{"step": "grey"}], "hub.preprocessing: value error, name resize once"),
        (("surprise",), 1, "hub.surprise"),
        (("outputs",), ["logits", "evidence"], "the graph answers evidence of shape None"),
        (("files", "../outside.txt"), "0" * 64, "hub.files"),
        (("files", "/etc/passwd"), "0" * 64, "hub.files"),
        (("files", "docs/more.txt"), "0" * 64, "docs/more.txt: named in the metadata and not there"),
        (("files", "docs/README.md"), "0" * 64, "docs/README.md: is not the file that its digest names"),
    ],
)
def test_what_the_metadata_lacks_is_said_with_its_place(
    copied: Callable[..., Path], path: tuple[str | int, ...], value: Any, said: str
) -> None:
    def change(metadata: dict[str, Any]) -> None:
        at: Any = metadata["hub"]
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value

    found = untried(copied(change))
    assert any(said in problem for problem in found), found


def test_a_file_without_a_digest_and_a_link_out_of_the_folder_are_not_admitted(copied: Callable[..., Path]) -> None:
    folder = copied()
    (folder / "docs" / "extra.txt").write_text("more")
    (folder / "docs" / "secret").symlink_to("/etc/passwd")
    (folder / "elsewhere").symlink_to("/etc")
    found = untried(folder)
    assert "docs/extra.txt: has no digest" in found
    assert "docs/secret: not a regular file inside the package" in found
    assert "elsewhere: not a regular file inside the package" in found
    assert set(survey(folder)[1]) == {"docs/secret", "elsewhere"}


@pytest.mark.parametrize(
    ("trial", "said"),
    [
        (Trial({"logits": (2, 3)}, 0.0), "of shape (2, 3) for two pictures and 1 classes"),
        (Trial({"logits": (1, 1)}, 0.0), "of shape (1, 1)"),
        (Trial({"logits": (2, 1)}, 0.5), "answers the test picture differently by 0.5"),
        (Trial({"logits": (2, 1)}, float("nan")), "answers the test picture differently by nan"),
    ],
)
def test_a_graph_that_answers_otherwise_than_promised_is_not_admitted(made: Path, trial: Trial, said: str) -> None:
    candidate = good(made)
    assert problems(candidate) == []
    assert said in problems(replace(candidate, trial=trial))[0].what


def good(folder: Path) -> Candidate:
    """What `examine` would gather, without a process of its own."""
    declared = parsed(folder)
    found, odd = survey(folder)
    return Candidate(
        model_of(declared, found[METADATA]),
        declared.hub.files,
        found,
        odd,
        (folder / "docs/README.md").read_text(),
        "Apache-2.0",
        json.loads((folder / "evaluation.json").read_text()),
        declared.hub.outputs,
        1e-3,
        Trial({"logits": (2, 1)}, 0.0),
        [],
    )


def parsed(folder: Path) -> Metadata:
    declared = parse((folder / METADATA).read_text())
    assert isinstance(declared, Metadata)
    return declared


@pytest.mark.parametrize(
    ("network", "name", "shape"),
    [
        (Perceptron(), "model.onnx", (2, 3)),
        (Perceptron(), "model.pt2", (2, 3)),
        (Transformer(), "model.ts", (2, 1)),
        (Transformer(), "model.pt2", (2, 1)),
        (Brightness(), "model.ts", (2, 1, EDGE, EDGE)),
        (Brightness(), "model.onnx", (2, 1, EDGE, EDGE)),
    ],
)
def test_a_graph_answers_the_same_however_it_was_saved(
    tmp_path: Path, network: nn.Module, name: str, shape: tuple[int, ...]
) -> None:
    export(network, tmp_path / name)
    pictures = torch.rand(2, 1, EDGE, EDGE)
    with torch.inference_mode():
        said = network(pictures)
    expected = said[0] if isinstance(said, tuple) else said
    answered = graph.load(tmp_path / name, ["logits"])(pictures)["logits"]
    assert answered.shape == shape
    assert torch.allclose(answered, expected, atol=1e-5)


class Malice:
    """What a pickle can do when somebody opens it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.write_text, (Path("/tmp/consilium-was-here"), "x"))  # noqa: S108


def rewritten(path: Path, change: Callable[[str, bytes], bytes | None], *extra: tuple[str, bytes]) -> None:
    """A saved graph with members changed, dropped or added."""
    with zipfile.ZipFile(path) as old:
        members = [(name, change(name, old.read(name))) for name in old.namelist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as new:
        for name, content in [*((name, content) for name, content in members if content is not None), *extra]:
            new.writestr(name, content)


def swap(ending: str, old: bytes, new: bytes) -> Callable[[str, bytes], bytes]:
    def change(name: str, content: bytes) -> bytes:
        if not name.endswith(ending):
            return content
        assert old in content
        return content.replace(old, new)

    return change


def pickled(name: str, content: bytes) -> bytes:
    return pickle.dumps(Malice()) if name.endswith("sample_inputs/model.pt") else content


@pytest.mark.parametrize(
    ("change", "extra", "said"),
    [
        (swap("model.json", b"torch.ops.aten.linear.default", b"torch.os.system"), (), "calls torch.os.system"),
        (swap("model.json", b"torch.ops.aten.linear.default", b"torch.ops.aten.from_file.default"), (), "from_file"),
        (swap("model.json", b"Symbol(", b"__import__('os').system("), (), "no plain arithmetic"),
        (swap("model.json", b'"guards_code": []', b'"guards_code": ["print(1)"]'), (), "brings code"),
        (swap("weights_config.json", b'"use_pickle": false', b'"use_pickle": true'), (), "pickled constants"),
        (pickled, (), "pickled sample inputs"),
        (lambda _, content: content, (("model/../../evil.py", b"x"),), "which no graph needs"),
        (lambda _, content: content, (("model/data/constants/custom_obj_0", b"x"),), "which no graph needs"),
    ],
    ids=["a function", "a file", "an expression", "guards", "weights", "inputs", "a path", "an object"],
)
def test_an_exported_program_that_could_run_code_is_not_opened(
    tmp_path: Path, change: Callable[[str, bytes], bytes], extra: tuple[tuple[str, bytes], ...], said: str
) -> None:
    path = tmp_path / "model.pt2"
    export(Perceptron(), path)
    screen(path)
    rewritten(path, change, *extra)
    with pytest.raises(Suspicious, match=said):
        graph.load(path, ["logits"])
    assert not Path("/tmp/consilium-was-here").exists()  # noqa: S108


class Writing(nn.Module):
    """TorchScript can write files by itself."""

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits, and a file."""
        torch.save(pictures, "/tmp/consilium-was-here")  # noqa: S108
        return pictures


class Mapping(nn.Module):
    """TorchScript can make a file by mapping it."""

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits, of a file."""
        return pictures + torch.from_file("/tmp/consilium-was-here", True, 4)[0]  # noqa: S108


@pytest.mark.parametrize("network", [Writing(), Mapping()])
def test_a_script_that_touches_files_is_not_opened(tmp_path: Path, network: nn.Module) -> None:
    path = tmp_path / "model.ts"
    torch.jit.save(torch.jit.script(network), path)  # type: ignore[no-untyped-call]
    with pytest.raises(Suspicious, match="no network needs"):
        graph.load(path, ["logits"])


def test_onnx_whose_weights_lie_in_another_file_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    export(Perceptron(), path)
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    with pytest.raises(Suspicious, match="other files"):
        graph.load(path, ["logits"])


@pytest.mark.parametrize("name", ["model.pt2", "model.ts", "model.onnx"])
def test_what_is_no_graph_is_said_to_be_none(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(pickle.dumps(Malice()))
    with pytest.raises((Suspicious, RuntimeError)):
        graph.load(tmp_path / name, ["logits"])
    assert not Path("/tmp/consilium-was-here").exists()  # noqa: S108


class Hungry(nn.Module):
    """Asks for more memory than any machine has."""

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits, if it lived."""
        return torch.ones(1 << 44).sum() + pictures.mean(dim=(1, 2, 3), keepdim=True).flatten(1)


def test_a_graph_that_asks_for_endless_memory_ends_alone(tmp_path: Path) -> None:
    folder = package(tmp_path / "hungry", Transformer(), "model.ts")
    torch.jit.save(torch.jit.script(Hungry()), folder / "models" / "model.ts")  # type: ignore[no-untyped-call]
    seal(folder, json.loads((folder / METADATA).read_text()))
    with pytest.raises(InvalidResource, match="failed on its test picture"):
        require_admissible(folder, attempt)


def test_a_kept_package_is_opened_only_while_every_digest_matches(made: Path, tmp_path: Path) -> None:
    found, _ = survey(made)
    digest = found[METADATA]
    shelf.keep(tmp_path, made, digest, parsed(made))
    shelf.keep(tmp_path, made, digest, parsed(made))
    folder, declared = shelf.open_package(tmp_path, digest)
    assert declared.hub.name == "invented"
    with (folder / "models" / "model.ts").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(shelf.BadModel, match=r"model\.ts"):
        shelf.open_package(tmp_path, digest)


def test_a_package_that_is_looked_at_often_is_hashed_once_until_a_file_of_it_changes(
    made: Path, tmp_path: Path
) -> None:
    digest = survey(made)[0][METADATA]
    shelf.keep(tmp_path, made, digest, parsed(made))
    hashed = []

    def whole() -> bool:
        return shelf.is_whole(tmp_path, digest, opened=opened)

    def opened(store: Path, digest: str) -> object:
        hashed.append(digest)
        return shelf.open_package(store, digest)

    assert [whole() for _ in range(3)] == [True] * 3
    assert len(hashed) == 1

    graph = shelf.place_of(tmp_path, digest) / "models" / "model.ts"
    before, content = graph.stat(), graph.read_bytes()
    graph.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(graph, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (graph.stat().st_size, graph.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert not whole()

    graph.write_bytes(content)
    assert whole()


def test_a_package_with_a_link_in_it_or_without_a_file_is_not_what_was_admitted(made: Path, tmp_path: Path) -> None:
    digest = survey(made)[0][METADATA]
    shelf.keep(tmp_path, made, digest, parsed(made))
    place = shelf.place_of(tmp_path, digest)
    assert shelf.is_whole(tmp_path, digest)

    (place / "models").rename(tmp_path / "elsewhere")
    (place / "models").symlink_to(tmp_path / "elsewhere")
    assert not shelf.is_whole(tmp_path, digest)

    (place / "models").unlink()
    assert not shelf.is_whole(tmp_path, digest)


def test_a_test_picture_that_is_a_pickle_is_not_opened(tmp_path: Path, made: Path) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([Malice()], dtype=object), allow_pickle=True)
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "input.npy").write_bytes(buffer.getvalue())
    with pytest.raises(ValueError, match="Python objects"):
        picture_of(tmp_path, parsed(made))
