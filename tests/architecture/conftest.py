"""The manifests as a cluster would get them: each overlay built by kubectl."""

import re
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

OVERLAYS = Path(__file__).parents[2] / "deploy" / "k8s" / "overlays"
FIRST_KUBECTL = (1, 27)
Objects = list[dict[str, Any]]


@cache
def _build(overlay: str) -> tuple[Objects, str]:
    """The objects of an overlay, or why there are none."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        return [], "no kubectl on the path"
    told = subprocess.run([kubectl, "version", "--client"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"v(\d+)\.(\d+)", told)
    if version is None or tuple(map(int, version.groups())) < FIRST_KUBECTL:
        return [], "kubectl is older than 1.27"
    done = subprocess.run(
        [kubectl, "kustomize", str(OVERLAYS / overlay)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout)), ""


@pytest.fixture
def build() -> Callable[[str], Objects]:
    """Call it with the name of an overlay."""

    def objects(overlay: str) -> Objects:
        built, why_not = _build(overlay)
        if why_not:
            pytest.skip(f"The manifests cannot be built: {why_not}")
        return built

    return objects


@pytest.fixture(params=["dev", "production"])
def objects(request: pytest.FixtureRequest, build: Callable[[str], Objects]) -> Objects:
    """The objects of each overlay in turn."""
    return build(request.param)
