"""The house of `docs/architecture.md`, as sentences that run."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from shared.events import SUBSCRIPTIONS
from shared.routes import routes

ROOT = Path(__file__).parents[2]
SERVICES = sorted(path.name for path in (ROOT / "services").iterdir() if (path / "__init__.py").exists())
DEPLOYED = sorted(SUBSCRIPTIONS)
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for top in ("services", "shared")
    for path in (ROOT / top).rglob("*.py")
    if "versions" not in path.parts and path.name not in {"env.py", "__main__.py"}
)
FORBIDDEN_FILES = {"utils.py", "helpers.py", "common.py", "models.py", "schemas.py", "misc.py"}
FORBIDDEN_WORDS = re.compile(r"^(get|process|handle|do)_|(?:^|_)(manager|helper)(?:_|$)", re.IGNORECASE)
STANDARD_NAMES = {"handle_starttag", "handle_endtag", "handle_data", "process_message"}
"""Names that the standard library (reading HTML) and FHIR ($process-message) gave."""


@pytest.mark.parametrize("service", DEPLOYED)
@pytest.mark.parametrize("room", ["api", "domain", "settings", "store", "migrations"])
def test_every_service_has_its_rooms(service: str, room: str) -> None:
    folder = ROOT / "services" / service
    assert (folder / f"{room}.py").exists() or (folder / room).is_dir()


def test_the_simulator_uses_public_doors_only() -> None:
    folder = ROOT / "services" / "simulator"
    assert not (folder / "store.py").exists()
    assert not (folder / "migrations").exists()


@pytest.mark.parametrize("top", ["services", "shared"])
def test_no_file_has_a_name_that_carries_nothing(top: str) -> None:
    found = [path for path in (ROOT / top).rglob("*.py") if path.name in FORBIDDEN_FILES]
    assert found == []


@pytest.mark.parametrize("module", MODULES)
def test_no_function_has_a_name_that_carries_nothing(module: str) -> None:
    tree = ast.parse(source(module))
    names = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert [name for name in names if FORBIDDEN_WORDS.search(name) and name not in STANDARD_NAMES] == []


@pytest.mark.parametrize("module", MODULES)
def test_every_module_opens_with_what_it_is_for(module: str) -> None:
    assert ast.get_docstring(ast.parse(source(module)))


def source(module: str) -> str:
    base = ROOT.joinpath(*module.split("."))
    return (base.with_suffix(".py") if base.with_suffix(".py").exists() else base / "__init__.py").read_text()


def test_importing_does_nothing() -> None:
    """Every module imports with an empty environment, no socket, no thread, no engine and no weights."""
    code = f"""
import importlib, socket, sys, threading
def refuse(*a, **k): raise AssertionError("a module opened a socket when it was imported")
socket.socket.connect = refuse
socket.create_connection = refuse
for name in {MODULES!r}:
    importlib.import_module(name)
from shared import db
assert db.engine.cache_info().currsize == 0, "an engine was made"
assert threading.active_count() == 1, threading.enumerate()
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("service", SERVICES)
def test_an_api_process_never_loads_torch(service: str) -> None:
    code = f"import sys, services.{service}.api; sys.exit('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}, check=False
    )
    assert done.returncode == 0


@pytest.mark.parametrize("service", SERVICES)
def test_a_domain_knows_the_standard_library_and_the_words_of_the_hub_only(service: str) -> None:
    allowed = {"shared.errors", "shared.events"}
    foreign = set()
    for module in MODULES:
        if module.startswith(f"services.{service}.domain"):
            for name in imports(module):
                top = name.split(".")[0]
                own = name.startswith(f"services.{service}.domain")
                if top not in sys.stdlib_module_names and name not in allowed and not own:
                    foreign.add(name)
    assert foreign == set()


def imports(module: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source(module))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module in {"shared", *(f"services.{service}" for service in SERVICES)}:
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
            else:
                found.add(node.module)
    return found


@pytest.mark.parametrize(
    ("library", "rooms"),
    [
        ("fastapi", re.compile(r"^services\.\w+\.(api|pages)(\.|$)|^shared\.(http|web|ops)(\.|$)")),
        (
            "sqlalchemy",
            re.compile(
                r"^services\.\w+\.(store|migrations)(\.|$)"
                r"|^shared\.(db|wake|outbox|inbox|sittings|consents|relay|migrate|migrations|audit|dead_letters)(\.|$)"
                r"|^shared\.worker(\.|$)"
            ),
        ),
        ("torch", re.compile(r"^services\.\w+\.(inference|equations)(\.|$)")),
    ],
)
def test_a_library_stays_in_its_rooms(library: str, rooms: re.Pattern[str]) -> None:
    strays = [
        module
        for module in MODULES
        if any(name.split(".")[0] == library for name in imports(module)) and not rooms.search(module)
    ]
    assert strays == []


def test_every_deployed_process_is_named_and_every_service_has_its_three() -> None:
    processes = yaml.safe_load((ROOT / "deploy" / "processes.yaml").read_text())["processes"]
    names = set(processes) if isinstance(processes, dict) else {process["name"] for process in processes}
    for service in DEPLOYED:
        assert {f"{service}-api", f"{service}-relay"} <= names
        assert any(name.startswith(f"{service}-worker") for name in names)


def test_every_route_leads_to_a_service_that_exists() -> None:
    assert {route.service for route in routes()} <= set(SERVICES)


def test_nothing_is_open_to_everybody_but_the_doors_themselves() -> None:
    public = {route.path for route in routes() if "public" in route.roles}
    assert public == {"/", "/static", "/sign-in", "/sign-out", "/fhir/metadata"}
