"""What the tests of exports ask of more than one model."""

import io

import soundfile


def wav(audio, rate):
    """Bytes of a 16-bit WAV file of audio [samples] or [samples, channels]."""
    file = io.BytesIO()
    soundfile.write(file, audio, rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


def check_no_xla(signatures):
    """No function asks for XLA, which TensorFlow Serving has not."""
    for function in signatures.values():
        assert "_XlaMustCompile" not in str(function.graph.as_graph_def())
