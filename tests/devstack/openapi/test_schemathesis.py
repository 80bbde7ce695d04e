"""schemathesis sends valid and invalid requests to every operation of a running stack; `KEPT` has its summary."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.api_gateway.jwt_authorizer import JwtAuthorizer
from devstack.openapi.document import LINKS, generate
from devstack.openapi.site import pages
from devstack.publish import demo_artifact
from devstack.stack import Stack
from tests.functions.client import PATIENT

ROOT = Path(__file__).parents[3]
KEPT = ROOT / ".build" / "schemathesis.txt"
CONFIGURATION = Path(__file__).parent / "schemathesis.toml"
EXAMPLES = 12
SECONDS = 120
"""At most, of all phases, which take some twenty: a slow machine that has no time left for the last one would fail."""


@pytest.mark.slow
def test_every_operation_answers_as_the_document_says(tmp_path: Path) -> None:
    # GIVEN a stack that demands a token
    jwt = JwtAuthorizer("https://login.example.com/", ("nextitem",))
    with Stack(artifact=demo_artifact(), jwt=jwt, settings=PATIENT, pages=pages()) as stack:
        token = next(iter(stack.tokens.values()))
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION)),
            *("run", f"{stack.url}/openapi.json", "--header", f"Authorization: Bearer {token}", "--no-color"),
            *("--max-examples", str(EXAMPLES), "--max-time", str(SECONDS)),
            *(["--generation-deterministic"] if "CI" in os.environ else []),
        ]
        # WHEN schemathesis reads the document and sends data that fits it, and data that does not
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "functions")))
        }  # for the hooks
        run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text(run.stdout)
    # THEN no answer is a server error, undocumented or of another form, and wrong data or no token is refused
    assert run.returncode == 0, run.stdout + run.stderr
    # AND it called all of them, also one after the other by the document's links
    document = generate()
    operations = sum(map(len, document["paths"].values()))
    assert re.search(rf"Tested: {operations}\b", run.stdout)
    links = sum(map(len, LINKS.values()))
    assert re.search(rf"API Links: +[1-9]\d* covered / {links} selected", run.stdout)
