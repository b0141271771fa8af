"""The OpenAPI documents are those of the code."""

import json
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "contracts" / "openapi"


def test_the_openapi_documents_are_what_the_code_serves(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); import openapi;"
        "openapi.FOLDER = Path(sys.argv[2]); openapi.main()"
    )
    subprocess.run([sys.executable, "-c", code, str(Path(__file__).parent), str(tmp_path)], check=True)
    made = {path.name: json.loads(path.read_text()) for path in tmp_path.iterdir()}
    assert made == {path.name: json.loads(path.read_text()) for path in FOLDER.iterdir()}
