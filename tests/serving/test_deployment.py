"""The files of serving/: read by the embedded server, by schemas and by promtool, and by rules of their own."""

import ast
import importlib.util
import json
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from tf_audio_gan.serving.batching_parameters import read_batching_parameters
from tf_audio_gan.serving.configuration import read_model_config_file
from tf_audio_gan.warmup import write_warmup_requests

yaml = pytest.importorskip("yaml")
FOLDER = Path(__file__).parents[2] / "serving"
FLAGS = """
allow_version_labels_for_unavailable_models batching_parameters_file enable_batching enable_grpc_healthcheck_service
enable_model_warmup enable_per_model_batching_parameters enable_profiler enable_signature_method_name_check
file_system_poll_wait_seconds flush_filesystem_caches grpc_channel_arguments grpc_max_threads grpc_socket_path
load_retry_interval_micros max_num_load_retries model_base_path model_config_file model_config_file_poll_wait_seconds
model_name monitoring_config_file num_load_threads num_request_iterations_for_warmup num_unload_threads
per_process_gpu_memory_fraction port rest_api_enable_cors_support rest_api_num_threads rest_api_port
rest_api_timeout_in_ms saved_model_tags ssl_config_file tensorflow_inter_op_parallelism tensorflow_intra_op_parallelism
tensorflow_session_parallelism xla_cpu_compilation_enabled xla_gpu_compilation_enabled
""".split()  # of tensorflow_model_server, its main.cc


def documents(*names):
    return [part for name in names for part in yaml.safe_load_all((FOLDER / name).read_text()) if part]


@pytest.fixture(scope="module")
def resources():
    """Every Kubernetes resource, by kind and name."""
    names = yaml.safe_load((FOLDER / "kubernetes" / "kustomization.yaml").read_text())["resources"]
    found = documents(*(f"kubernetes/{name}" for name in names))
    others = {p.name for p in (FOLDER / "kubernetes").glob("*.yaml")} - {"kustomization.yaml"}
    assert others == set(names), "every file is listed"
    return {(part["kind"], part["metadata"]["name"]): part for part in found}


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((FOLDER / "docker-compose.yml").read_text())["services"]


@pytest.fixture(scope="module")
def pod(resources):
    return resources["Deployment", "tfserving"]["spec"]["template"]["spec"]


@pytest.fixture
def scraped(base, serve, tmp_path):
    """A server started with all three files (its models elsewhere), asked over both interfaces; its metrics."""
    text = (FOLDER / "models.config").read_text()
    for name in re.findall(r'name: "(\w+)"', text):
        shutil.copytree(base, tmp_path / name)
    (tmp_path / "drums" / "2" / "assets.extra").mkdir()
    write_warmup_requests(tmp_path / "drums" / "2", "drums", [("serving_default", {"x": np.zeros(1, "float32")})])
    (tmp_path / "models.config").write_text(text.replace("/models/", f"{tmp_path}/"))
    files = {"monitoring_config_file": FOLDER / "monitoring.config"}
    files |= {"batching_parameters_file": FOLDER / "batching.config"}
    server, ask = serve(model_config_file=tmp_path / "models.config", **files)
    assert ask("POST", "/v1/models/drums:predict", '{"instances": [1.0, 2.0]}').json == {"predictions": [2.5, 3.0]}
    assert ask("POST", "/v1/models/voice:predict", '{"instances": ["a"]}').status == 400
    with urllib.request.urlopen(f"{server.url}/monitoring/prometheus/metrics") as reply:
        return reply.read().decode()


def metrics_of(text):
    """Names of TensorFlow Serving's metrics in expressions."""
    return set(re.findall(r":tensorflow:serving:[a-z0-9_:]+", text))


def test_the_embedded_server_runs_with_the_files_and_has_every_metric_that_is_asked_for(scraped):
    there = metrics_of(scraped)
    rules = metrics_of((FOLDER / "prometheus" / "rules.yml").read_text())
    board = metrics_of((FOLDER / "grafana" / "dashboard.json").read_text())
    assert len(rules) == 2 and len(board) >= 5
    assert rules | board <= there, f"not exported: {sorted((rules | board) - there)}"


def test_the_configuration_is_what_it_says():
    configs = read_model_config_file(FOLDER / "models.config")
    assert [(one.name, str(one.base)) for one in configs] == [
        ("drums", "/models/drums"), ("voice", "/models/voice"), ("denoise", "/models/denoise"),
    ]  # fmt: skip
    assert read_batching_parameters(FOLDER / "batching.config").largest == 16


def test_tensorflow_servings_own_protos_read_the_models():
    api = pytest.importorskip("tensorflow_serving.config", reason="tensorflow-serving-api: `make test-clients`")
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    assert api
    found = text_format.Parse((FOLDER / "models.config").read_text(), model_server_config_pb2.ModelServerConfig())
    assert [config.name for config in found.model_config_list.config] == ["drums", "voice", "denoise"]


def test_every_flag_exists_and_every_file_is_mounted(compose, pod):
    container = pod["containers"][0]
    mounts = {mount.split(":")[1]: mount.split(":")[0] for mount in compose["tfserving"]["volumes"]}
    config_map = documents("kubernetes/configmap.yaml")[0]["data"]
    for arguments in (compose["tfserving"]["command"], container["args"]):
        flags = dict(argument.removeprefix("--").split("=", 1) for argument in arguments)
        assert set(flags) <= set(FLAGS), sorted(set(flags) - set(FLAGS))
        assert flags["enable_profiler"] == "false" and flags["enable_batching"] == "true"
        # Else TensorFlow Serving fails requests of different lengths that meet in a batch: vocoders' and enhancers'.
        assert flags["enable_per_model_batching_parameters"] == "true"
        for name, value in flags.items():
            if name.endswith("_file"):
                assert value in mounts and Path(value).name in config_map
    for inside, outside in mounts.items():
        if inside.startswith("/config/"):
            assert (FOLDER / outside).is_file() and Path(inside).name == Path(outside).name
    timeout = 30 + 5
    assert int(compose["tfserving"]["stop_grace_period"].rstrip("s")) >= timeout
    assert pod["terminationGracePeriodSeconds"] >= timeout


def test_only_the_proxy_is_reached_from_outside(compose):
    assert "ports" not in compose["tfserving"] and compose["tfserving"]["networks"] == ["inside"]
    for name in ("proxy", "prometheus"):
        assert all(str(port).startswith("127.0.0.1:") for port in compose[name]["ports"])
    assert yaml.safe_load((FOLDER / "docker-compose.yml").read_text())["networks"]["inside"]["internal"] is True
    for service in compose.values():
        for volume in service["volumes"]:
            source, _, mode = volume.split(":")
            assert mode == "ro"
            assert source in ("./models", "./secrets") or (FOLDER / source).exists(), source


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
def test_the_health_check_waits_for_the_model(base, compose, serve):
    """The command itself, run by the bash of this machine instead of the image's."""
    kind, *command = compose["tfserving"]["healthcheck"]["test"]
    assert kind == "CMD" and command[-1].count("127.0.0.1/8501") == 1

    def healthy(port):
        return subprocess.run([*command[:-1], command[-1].replace("/8501", f"/{port}")], timeout=30).returncode == 0

    assert healthy(serve({"drums": base})[0].port)
    assert not healthy(serve({"other": base})[0].port), "the server answers, the model does not"
    assert not healthy(1), "nobody listens"


def test_the_compose_schema_accepts_the_file():
    """The schema that Docker Compose 1.29.2 brings, whose own package is old: only this file of it is read."""
    package = importlib.util.find_spec("compose")
    if not package:
        pytest.skip("PyPI's docker-compose is not installed: `make test-clients`")
    jsonschema = pytest.importorskip("jsonschema", reason="`make test-clients`")
    schema = Path(package.submodule_search_locations[0]) / "config" / "compose_spec.json"
    written = yaml.safe_load((FOLDER / "docker-compose.yml").read_text())
    validator = jsonschema.Draft7Validator(json.loads(schema.read_text()))
    assert [error.message for error in validator.iter_errors(written)] == []
    written["services"]["proxy"]["prots"] = []
    assert list(validator.iter_errors(written)), "a wrong word is one"


def test_the_same_server_everywhere(compose, pod):
    image = compose["tfserving"]["image"]
    default = re.fullmatch(r"tensorflow/serving:\$\{TF_SERVING_VERSION:-(\d+\.\d+\.\d+)\}", image)[1]
    assert pod["containers"][0]["image"] == f"tensorflow/serving:{default}"


def test_the_config_map_is_the_files(resources):
    data = resources["ConfigMap", "tfserving-config"]["data"]
    for name in ("models.config", "batching.config", "monitoring.config"):
        assert data[name] == (FOLDER / name).read_text(), f"{name} differs in configmap.yaml"


def test_names_ports_and_selectors_meet(resources, pod):
    labels = resources["Deployment", "tfserving"]["spec"]["template"]["metadata"]["labels"]
    assert resources["Deployment", "tfserving"]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    container = pod["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"grpc": 8500, "http": 8501}
    for (kind, _), part in resources.items():
        if kind == "Service":
            assert part["spec"]["selector"].items() <= labels.items()
            assert {port["targetPort"] for port in part["spec"]["ports"]} <= set(ports)
        if kind in ("NetworkPolicy", "PodDisruptionBudget"):
            key = "podSelector" if kind == "NetworkPolicy" else "selector"
            assert part["spec"][key]["matchLabels"].items() <= labels.items()
    for rule in resources["NetworkPolicy", "tfserving"]["spec"]["ingress"]:
        assert rule["from"] and {port["port"] for port in rule["ports"]} <= set(ports)
    assert resources["Service", "tfserving-pods"]["spec"]["clusterIP"] == "None"
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)
    assert ("ConfigMap", volumes["config"]["configMap"]["name"]) in resources
    assert ("PersistentVolumeClaim", volumes["models"]["persistentVolumeClaim"]["claimName"]) in resources
    model = re.fullmatch(r"/v1/models/(\w+)/metadata", container["readinessProbe"]["httpGet"]["path"])[1]
    assert model in {config.name for config in read_model_config_file(FOLDER / "models.config")}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        (how,) = [value for key, value in container[probe].items() if key in ("tcpSocket", "httpGet")]
        assert how["port"] in ports
    assert container["resources"]["requests"] == container["resources"]["limits"]
    assert pod["securityContext"]["runAsNonRoot"] and container["securityContext"]["readOnlyRootFilesystem"]


def test_kubernetes_schemas_accept_the_resources(resources):
    kubernetes_validate = pytest.importorskip(
        "kubernetes_validate", reason="PyPI's kubernetes-validate: `make test-clients`"
    )
    assert {kind for kind, _ in resources} >= {"Deployment", "Service", "ConfigMap", "NetworkPolicy"}
    for part in resources.values():
        kubernetes_validate.validate(part, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_kubectl_puts_the_resources_together(resources):
    done = subprocess.run(["kubectl", "kustomize", FOLDER / "kubernetes"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    made = {(part["kind"], part["metadata"]["name"]): part for part in yaml.safe_load_all(done.stdout)}
    assert made == resources


@pytest.fixture
def kserve_classes():
    """{name: {key: type}} of KServe's resources, read from its Python package without importing it."""
    package = importlib.util.find_spec("kserve")
    if not package:
        pytest.skip("PyPI's kserve is not installed: `make test-clients`")
    found = {}
    for file in (Path(package.submodule_search_locations[0]) / "models").glob("v1*.py"):
        for part in ast.parse(file.read_text()).body:
            if isinstance(part, ast.ClassDef):
                tables = {one.targets[0].id: one.value for one in part.body if isinstance(one, ast.Assign)}
                types, names = (ast.literal_eval(tables[name]) for name in ("openapi_types", "attribute_map"))
                found[part.name] = {names[key]: kind for key, kind in types.items()}
    return found


def test_kserve_knows_every_word(kserve_classes):
    checked = []

    def check(part, kind):
        if kind in kserve_classes:  # else a resource of Kubernetes, or a plain value
            checked.append(kind)
            for key, value in part.items():
                assert key in kserve_classes[kind], f"{kind} has no {key}"
                check(value, kserve_classes[kind][key])

    check(documents("kserve/inferenceservice.yaml")[0], "V1beta1InferenceService")
    assert {"V1beta1PredictorSpec", "V1beta1ModelSpec", "V1beta1ModelFormat"} <= set(checked)


def test_kserve_asks_for_its_tensorflow_runtime(resources):
    (service,) = documents("kserve/inferenceservice.yaml")
    assert (service["apiVersion"], service["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
    model = service["spec"]["predictor"]["model"]
    assert model["modelFormat"] == {"name": "tensorflow"} and model["protocolVersion"] == "v1"
    claim, name = re.fullmatch(r"pvc://([\w-]+)/(\w+)", model["storageUri"]).groups()
    assert ("PersistentVolumeClaim", claim) in resources and name == service["metadata"]["name"]


def test_the_dashboard_is_one():
    board = json.loads((FOLDER / "grafana" / "dashboard.json").read_text())
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"]) >= 8
    variables = {variable["name"] for variable in board["templating"]["list"]}
    places = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24 and (at["x"], at["y"]) not in places
        places.add((at["x"], at["y"]))
        assert panel["title"] and panel["targets"]
        for target in panel["targets"]:
            used = set(re.findall(r"\$\{?(\w+)", target["expr"])) - {"__rate_interval"}
            assert used <= variables
            for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                assert label in target["expr"], f"{panel['title']}: {label} is not in its expression"


needs_promtool = pytest.mark.skipif(
    not shutil.which("promtool"), reason="promtool is not installed (Debian's package prometheus)"
)


@needs_promtool
def test_promtool_reads_every_expression_of_the_dashboard(tmp_path):
    board = json.loads((FOLDER / "grafana" / "dashboard.json").read_text())
    told = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    plain = [expression.replace("$__rate_interval", "1m").replace("$model", "drums") for expression in told]
    rules = [{"record": f"panel:{i}", "expr": one} for i, one in enumerate(plain)]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", tmp_path / "rules.yml"], capture_output=True, text=True)
    assert done.returncode == 0 and f"{len(rules)} rules found" in done.stdout, done.stdout + done.stderr


@needs_promtool
@pytest.mark.parametrize("what", [("check", "rules", "rules.yml"), ("test", "rules", "rules_test.yml"),
                                  ("check", "config", "prometheus.yml")])  # fmt: skip
def test_promtool_accepts_the_rules(what):
    done = subprocess.run(["promtool", *what], cwd=FOLDER / "prometheus", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
