"""The scripts in docs/scaling.md: training reads the TF_CONFIG that they build, and the manifest fits together."""

import json
import os
import re
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest

from tf_audio_gan import distribution

PAGE = (Path(__file__).parents[1] / "docs" / "scaling.md").read_text(encoding="utf-8")
STUBS = {
    "tf-audio-gan": 'echo "$TF_CONFIG"',
    "scontrol": "printf 'node1\\nnode2\\nnode7\\n'",
    "srun": 'while [ "${1#--}" != "$1" ]; do shift; done; exec "$@"',
}


def block(language, heading):
    section = PAGE.split(f"\n## {heading}\n")[1]
    return re.search(rf"```{language}\n(.*?)```", section, re.DOTALL)[1]


def output(script, folder, **environment):
    """What a bash script prints where `tf-audio-gan` says its TF_CONFIG, and Slurm's commands are stubs."""
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    for name, line in STUBS.items():
        (folder / name).write_text(f"#!/bin/bash\n{line}\n")
        (folder / name).chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script], env={"PATH": path, **environment}, capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_kubernetes_pods_build_their_tf_config(tmp_path):
    lines = block("yaml", "Kubernetes").split("- |\n")[1].split("          ports:")[0]
    text = output(textwrap.dedent(lines), tmp_path, WORKERS="3", JOB_COMPLETION_INDEX="2")
    assert distribution.cluster(text) == (3, 2)
    assert json.loads(text)["cluster"]["worker"] == [f"wavegan-{i}.wavegan:2222" for i in range(3)]


def test_slurm_tasks_build_their_tf_config(tmp_path):
    text = output(
        block("bash", "Slurm"), tmp_path, SLURM_JOB_ID="70123", SLURM_JOB_NODELIST="node[1-2,7]", SLURM_NODEID="1"
    )
    assert distribution.cluster(text) == (3, 1)
    assert json.loads(text)["cluster"]["worker"] == ["node1:20123", "node2:20123", "node7:20123"]


def test_the_example_of_several_machines_is_right():
    assert distribution.cluster(re.search(r"TF_CONFIG='(.*?)'", PAGE)[1]) == (2, 0)


def test_the_manifest_fits_together():
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    service, claim, job = yaml.safe_load_all(block("yaml", "Kubernetes"))
    pod = job["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
    assert service["spec"]["clusterIP"] == "None" and pod["subdomain"] == service["metadata"]["name"]
    workers = {job["spec"]["completions"], job["spec"]["parallelism"], int(container["env"][0]["value"])}
    assert workers == {4} and job["spec"]["completionMode"] == "Indexed"
    assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    ports = {service["spec"]["ports"][0]["port"], container["ports"][0]["containerPort"]}
    assert ports == {2222} and f"{job['metadata']['name']}-%g.{pod['subdomain']}:2222" in container["args"][0]
