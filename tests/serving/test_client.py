"""The client, against the server under test."""

import io
import math
import socket
import subprocess
import sys
import wave

import numpy as np
import pytest

import tf_audio_gan
from tf_audio_gan.serving.client import ServerError


@pytest.fixture
def client(ask):
    return tf_audio_gan.Client(ask.url, model="m")


def test_it_needs_no_tensorflow():
    code = "import sys, tf_audio_gan.serving.client; print(sorted({'tensorflow', 'numpy', 'keras'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_status_and_metadata(client):
    assert [(v["version"], v["state"]) for v in client.status()] == [("2", "AVAILABLE"), ("1", "AVAILABLE")]
    assert client.metadata()["wav"]["inputs"]["seed"]["dtype"] == "DT_INT64"


def test_predict_in_both_forms(client):
    assert client.predict(instances=[1.0, 2.0]) == [2.5, 3.0]
    assert client.predict(inputs={"x": np.array([1.0, 2.0], "float32")}) == [2.5, 3.0]
    assert client.predict(inputs={"a": np.ones((1, 2)), "b": [1]}, signature_name="two") == {"s": [[2, 2]], "n": [2]}
    assert client.predict(instances=[b"\xff\x00"], signature_name="byt") == [b"\xff\x00"]
    answer = client.predict(instances=[math.nan, math.inf])
    assert math.isnan(answer[0]) and answer[1] == math.inf


def test_generate_gives_wav_files(client):
    first, second = client.generate(seed=[1, 2])
    assert client.generate(seed=1) == [first] and first != second
    with wave.open(io.BytesIO(first)) as sound:
        assert (sound.getframerate(), sound.getnframes()) == (16000, 16)


def test_errors_are_the_servers_words(client, ask):
    with pytest.raises(ServerError, match="not of expected type: float") as error:
        client.predict(instances=["x"])
    assert error.value.status == 400
    with pytest.raises(ServerError, match="Could not find any versions of model none"):
        tf_audio_gan.Client(ask.url, model="none").status()
    with pytest.raises(ValueError, match="either instances or inputs"):
        client.predict()
    with pytest.raises(TypeError, match="received object"):
        client.predict(instances=[object()])


def test_no_server_no_model_no_answer():
    with pytest.raises(ValueError, match="name the model"):
        tf_audio_gan.Client()
    with pytest.raises(ValueError, match="looks like 'http://127.0.0.1:8501'"):
        tf_audio_gan.Client("127.0.0.1:8501", model="m")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(TimeoutError, match="no answer from .* in 0.2 s"):
            tf_audio_gan.Client(url, model="m", timeout=0.2).status()
    with pytest.raises(ConnectionError, match="no server answers at .*tf-audio-gan serve DIR"):
        tf_audio_gan.Client(url, model="m").status()
