"""The contracts that the code writes are those that are committed."""

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
CONTRACTS = HERE.parents[1] / "contracts"


def test_what_the_code_serves_is_what_was_promised(tmp_path: Path) -> None:
    code = "import written; from pathlib import Path; written.FOLDER = Path(__import__('sys').argv[1]); written.main()"
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], check=True, env={"PYTHONPATH": f"{HERE}:{HERE.parents[1]}"}
    )
    made = {str(path.relative_to(tmp_path)): json.loads(path.read_text()) for path in tmp_path.rglob("*.json")}
    assert made
    assert made == {path: json.loads((CONTRACTS / path).read_text()) for path in made}
