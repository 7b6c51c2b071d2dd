"""Configuration files, version policies and labels, and new versions while requests go on."""

import shutil
import threading
import time

import pytest

from tf_audio_gan.serving.configuration import configs_from_arguments, configs_from_message, read_model_config_file
from tf_audio_gan.serving.messages import messages, read_text_file
from tf_audio_gan.serving.polling import Poller
from tf_audio_gan.serving.server import Server

BODY = '{"instances":[1.0]}'


@pytest.fixture
def config(tmp_path):
    """Writes a configuration file of (name, base, further fields) lines and returns its path."""

    def write(*models):
        lines = [f"config {{ name: '{name}' base_path: '{base}' {rest} }}" for name, base, rest in models]
        path = tmp_path / "models.config"
        path.write_text("model_config_list {\n" + "\n".join(lines) + "\n}\n")
        return path

    return write


def eventually(condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def served(ask, model="m"):
    states = ask("GET", f"/v1/models/{model}").json["model_version_status"]
    return {entry["version"]: entry["state"] for entry in states}


def test_a_configuration_file_is_read_as_tensorflow_serving_reads_it(config, tmp_path):
    path = config(
        ("a", "/x/a", "model_platform: 'tensorflow' # a comment\n"),
        ("b", "/x/b", "model_version_policy { latest { num_versions: 2 } }"),
        ("c", "/x/c", "model_version_policy { all {} } version_labels { key: 'stable' value: 3 }"),
        ("d", "/x/d", "model_version_policy: { specific: { versions: 4, versions: 2 } }"),
        ("e", "/x/e", "logging_config { sampling_config { sampling_rate: 0.1 } } model_type: TENSORFLOW"),
    )
    configs = read_model_config_file(path)
    found = {1: "1", 2: "2", 4: "4", 3: "3"}
    assert [one.wanted(found) for one in configs] == [[4], [4, 3], [4, 3, 2, 1], [4, 2], [4]]
    assert [one.name for one in configs] == list("abcde") and str(configs[1].base) == "/x/b"
    assert configs[2].labels == {"stable": 3} and configs[0].labels == {}


def test_arguments_become_the_same():
    (one,) = configs_from_arguments({"m": "x"}, "all", {"m": {"old": 1}})
    assert one.wanted({1: "", 2: ""}) == [2, 1] and one.labels == {"old": 1}
    with pytest.raises(ValueError, match=r"names models that are not served: \['n'\]"):
        configs_from_arguments({"m": "x"}, "all", {"n": {"old": 1}})


@pytest.mark.parametrize(
    "text, error",
    [
        ("model_config_list { config { name: 'a' base_path: 'x' } }", "absolute path"),
        ("model_config_list { config { name: 'a:b' base_path: '/x' } }", "without '/' and ':'"),
        ("model_config_list { " + "config { name: 'a' base_path: '/x' } " * 2 + "}", "multiple times"),
        ("model_config_list { config { name: 'a' base_path: '/x' model_platform: 'onnx' } }", "received 'onnx'"),
        ("model_config_list { config { name: 'a' base_path: '/x' model_version_policy { specific {} } } }", "at least"),
        ("custom_model_config { }", "Only ModelConfigList is currently supported"),
        ("", "Only ModelConfigList is currently supported"),
        ("model_config_list { config { nme: 'a' } }", 'no field named "nme"'),
        (
            "model_config_list { config { name: 'a' base_path: '/x' model_version_policy { all {} latest {} } } }",
            "oneof",
        ),
    ],
)
def test_what_is_wrong_in_a_configuration_file_is_said(tmp_path, text, error):
    path = tmp_path / "models.config"
    path.write_text(text)
    with pytest.raises(ValueError, match=error) as raised:
        read_model_config_file(path)
    assert str(raised.value).startswith(str(path))


def test_no_configuration_file(tmp_path):
    with pytest.raises(ValueError, match="none.config cannot be read: No such file"):
        read_model_config_file(tmp_path / "none.config")
    with pytest.raises(ValueError, match="either models or model_config_file"):
        Server()


def test_a_poller_survives_errors_and_says_each_once(caplog):
    calls = []

    def fail():
        calls.append(1)
        raise RuntimeError("gone" if len(calls) < 4 else "still gone")

    poller = Poller(fail, 0.01, "poll-test")
    assert eventually(lambda: len(calls) > 6)
    poller.close()
    assert [record.message for record in caplog.records] == ["poll-test: gone", "poll-test: still gone"]


def test_policies_labels_and_two_models(serve, base, config):
    path = config(
        ("m", base, "model_version_policy { all {} } version_labels { key: 'stable' value: 1 }"),
        ("one", base, "model_version_policy { specific { versions: 1 } }"),
    )
    _, ask = serve(model_config_file=path)
    assert served(ask) == {"2": "AVAILABLE", "1": "AVAILABLE"} and served(ask, "one") == {"1": "AVAILABLE"}
    assert ask("POST", "/v1/models/m/labels/stable:predict", BODY).json == {"predictions": [1.5]}
    assert ask("POST", "/v1/models/one:predict", BODY).json == {"predictions": [1.5]}
    assert ask("POST", "/v1/models/one/versions/2:predict", BODY).status == 404


def test_new_versions_and_files_without_a_failed_request(serve, base, config, tmp_path):
    """Requests go on while a version comes, a junk one does not load, a label moves, a model leaves, a version goes."""
    folder = tmp_path / "live"
    shutil.copytree(base / "1", folder / "1")
    path = config(("m", folder, ""))
    _, ask = serve(model_config_file=path, poll_seconds=0.05, model_config_file_poll_seconds=0.05)
    answers, ended = [], threading.Event()

    def keep_asking():
        while not ended.is_set():
            answers.append(ask.predict(BODY))
            time.sleep(0.01)

    thread = threading.Thread(target=keep_asking)
    thread.start()
    try:
        shutil.copytree(base / "2", folder / "tmp-2")
        (folder / "tmp-2").rename(folder / "2")
        assert eventually(lambda: served(ask) == {"2": "AVAILABLE", "1": "END"})
        (folder / "3").mkdir()
        (folder / "3" / "saved_model.pb").write_bytes(b"junk")
        assert eventually(lambda: served(ask).get("3") == "END")
        (entry,) = ask("GET", "/v1/models/m/versions/3").json["model_version_status"]
        assert "does not load" in entry["status"]["error_message"]
        shutil.rmtree(folder / "3")
        config(
            ("m", folder, "model_version_policy { all {} } version_labels { key: 'old' value: 1 }"), ("n", folder, "")
        )
        assert eventually(lambda: ask("POST", "/v1/models/n:predict", BODY).status == 200)
        assert ask("POST", "/v1/models/m/labels/old:predict", BODY).json == {"predictions": [1.5]}
        config(("m", folder, ""), ("bad", tmp_path / "none", ""))  # refused as a whole
        time.sleep(0.3)
        assert served(ask, "n") == {"2": "AVAILABLE"} and served(ask)["1"] == "AVAILABLE"
        config(("m", folder, ""))
        assert eventually(lambda: ask("POST", "/v1/models/n:predict", BODY).status == 404)
        shutil.rmtree(folder / "2")
        assert eventually(lambda: served(ask) == {"3": "END", "2": "END", "1": "AVAILABLE"})
    finally:
        ended.set()
        thread.join()
    assert {reply.status for reply in answers} == {200}
    seen = [reply.json["predictions"] for reply in answers]
    assert seen[0] == [1.5] and [2.5] in seen
    assert ask.predict(BODY).json == {"predictions": [1.5]}


def test_the_table_of_messages_is_that_of_tensorflow_serving():
    pytest.importorskip("tensorflow_serving.apis.predict_pb2", reason="tensorflow-serving-api is not installed")
    import importlib

    names = (
        "classification get_model_metadata get_model_status inference input model model_management predict regression"
    )
    modules = [importlib.import_module(f"tensorflow_serving.apis.{name}_pb2") for name in names.split()]
    modules.append(importlib.import_module("tensorflow_serving.config.model_server_config_pb2"))
    modules.append(importlib.import_module("tensorflow_serving.config.logging_config_pb2"))
    checked = 0
    for module in modules:
        for name, theirs in module.DESCRIPTOR.message_types_by_name.items():
            ours = getattr(messages(), name, None)
            for field in ours.DESCRIPTOR.fields if ours else ():
                other = theirs.fields_by_name[field.name]
                assert field.number == other.number and field.is_repeated == other.is_repeated, f"{name}.{field.name}"
                same = field.type == other.type or (field.type, other.type) in {(12, 11), (12, 9), (5, 14), (11, 11)}
                assert same, f"{name}.{field.name}"
                checked += 1
    assert checked > 60


def test_text_files_of_other_kinds(tmp_path):
    (tmp_path / "batching.config").write_text("max_batch_size { value: 8 }\nallowed_batch_sizes: [4, 8]")
    read = read_text_file(tmp_path / "batching.config", "BatchingParameters")
    assert read.max_batch_size.value == 8 and list(read.allowed_batch_sizes) == [4, 8]
    assert not read.HasField("batch_timeout_micros")
    assert configs_from_message(messages().ModelServerConfig(model_config_list={"config": []})) == []
