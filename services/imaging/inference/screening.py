"""A look into a graph's file before a library opens it: what could run code or touch files is refused.

`torch.export.load` would walk from `torch` to any name that a file gives, evaluate its shape expressions and unpickle
its constants; TorchScript knows `torch.save` and `torch.from_file`; ONNX may name other files as its weights. None of
that is needed by a network. This is a net, not a sandbox: see docs/models.md.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import torch

from services.imaging.packages.folder import READABLE

LARGEST_PROGRAM: Final = 16 * READABLE
"""Bytes of a program's text; the largest networks have some MB."""

_EXPORTED: Final = re.compile(
    r"[^/]+/(?:archive_format|archive_version|byteorder|\.data/(?:version|serialization_id)|models/model\.json"
    r"|data/(?:weights|constants)/(?:model_(?:weights|constants)_config\.json|weight_\d+|tensor_\d+)"
    r"|data/sample_inputs/model\.pt)"
)
_SCRIPTED: Final = re.compile(
    r"[^/]+/(?:data\.pkl|constants\.pkl|version|byteorder|\.data/(?:version|serialization_id)"
    r"|code/[\w./]+\.py(?:\.debug_pkl)?|(?:data|constants|traced_inputs)/\d+|traced_inputs\.pkl)"
)
_OPERATOR: Final = re.compile(r"torch\.ops\.aten\.[a-z0-9_]+\.[A-Za-z0-9_]+|_operator\.[a-z]+|math\.[a-z]+")
_EXPRESSION: Final = re.compile(
    r"(?:Symbol\('[a-z]\d+'(?:, (?:positive|integer|nonnegative)=True)*\)"
    r"|Add|Mul|Max|Min|Mod|PythonMod|FloorDiv|CleanDiv|CeilDiv|Integer|[\d\s()+,-])+"
)
"""Sums, products and divisions of sizes; no power, which could take for ever."""

_TOUCHES_FILES: Final = re.compile(r"\b(?:from_file|save|load|_load_for_lite_interpreter)\b")
_SCRIPT_CALL: Final = re.compile(
    r"\bops\.(?!prim\.|aten\.)|\btorch\.(?:save|load|from_file|hub|ops|os|classes|utils)\b"
)
_EXTERNAL: Final = b"\n\x08location"
"""How ONNX's protocol buffer begins the entry that names another file."""


class Suspicious(ValueError):
    """The file holds something that no network needs."""


def screen(path: Path) -> None:
    """Look into a graph.

    Raises:
        Suspicious: names what was found.
    """
    try:
        {".pt2": _exported, ".ts": _scripted, ".onnx": _onnx}[path.suffix](path)
    except (zipfile.BadZipFile, json.JSONDecodeError, KeyError, UnicodeDecodeError):
        raise Suspicious("is no graph of its kind") from None


def _exported(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        names = _members(archive, _EXPORTED)
        for name in names:
            if name.endswith("_config.json"):
                _tensors_only(json.loads(_text(archive, name)))
            elif name.endswith("sample_inputs/model.pt"):
                _plain_tensors(archive.read(name))
        programs = [name for name in names if name.endswith("models/model.json")]
        if len(programs) != 1:
            raise Suspicious("holds no single program")
        program = json.loads(_text(archive, programs[0]))
    if program.get("guards_code"):
        raise Suspicious("brings code for its guards; export it with plain dynamic shapes")
    for key, value in _strings(program):
        if key == "target" and not (_OPERATOR.fullmatch(value) and not _TOUCHES_FILES.search(value)):
            raise Suspicious(f"calls {value[:80]}, which is no plain operator")
        if key == "expr_str" and not _EXPRESSION.fullmatch(value):
            raise Suspicious("has a shape that is no plain arithmetic")


def _scripted(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        for name in _members(archive, _SCRIPTED):
            if name.endswith(".py") and (found := _SCRIPT_CALL.search(_text(archive, name))):
                raise Suspicious(f"calls {found.group()}, which no network needs")


def _onnx(path: Path) -> None:
    if _EXTERNAL in path.read_bytes():
        raise Suspicious("names other files as its weights; save it in one file")


def _members(archive: zipfile.ZipFile, known: re.Pattern[str]) -> list[str]:
    """The members, each of a known name inside one folder, and none that inflates."""
    for member in archive.infolist():
        if ".." in member.filename or not known.fullmatch(member.filename):
            raise Suspicious(f"holds {member.filename[:80]}, which no graph needs")
        if member.compress_type != zipfile.ZIP_STORED and not _is_small_text(member):
            raise Suspicious("is compressed; save it as the library does")
    return archive.namelist()


def _is_small_text(member: zipfile.ZipInfo) -> bool:
    """TorchScript compresses its program's text, and nothing else."""
    return member.filename.endswith((".py", ".debug_pkl")) and member.file_size <= LARGEST_PROGRAM


def _text(archive: zipfile.ZipFile, name: str) -> str:
    if archive.getinfo(name).file_size > LARGEST_PROGRAM:
        raise Suspicious(f"has a program of more than {LARGEST_PROGRAM >> 20} MiB")
    return archive.read(name).decode()


def _tensors_only(config: Any) -> None:  # noqa: ANN401 (JSON)
    for entry in config["config"].values():
        if entry.get("use_pickle"):
            raise Suspicious("has pickled constants")


def _plain_tensors(pickled: bytes) -> None:
    """What the library would open without restraint if this failed."""
    try:
        torch.load(io.BytesIO(pickled), weights_only=True)
    except Exception:  # noqa: BLE001 (whatever it is, it is not plain)
        raise Suspicious("has pickled sample inputs that are no plain tensors") from None


def _strings(node: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 (JSON)
    """Every key with a text, anywhere in a program."""
    waiting = [node]
    while waiting:
        match waiting.pop():
            case dict() as found:
                yield from ((key, value) for key, value in found.items() if isinstance(value, str))
                waiting.extend(found.values())
            case list() as found:
                waiting.extend(found)
