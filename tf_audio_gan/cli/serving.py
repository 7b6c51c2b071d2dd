"""`tf-audio-gan serve`: exported models, or presets exported on the way, over REST and gRPC."""

import contextlib
import tempfile
from pathlib import Path
from typing import Annotated

import typer

import tf_audio_gan
from tf_audio_gan import hub
from tf_audio_gan.cli.common import load_keras


def serve(
    models: Annotated[
        list[str] | None, typer.Argument(metavar="DIR|PRESET...", help="Folders made by export, presets, or NAME=DIR.")
    ] = None,
    rest_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the REST API; 0: any free one.")] = 8501,
    grpc_port: Annotated[int, typer.Option(min=-1, max=65535, help="Port of gRPC; 0: any free one; -1: none.")] = 8500,
    host: Annotated[str, typer.Option(help="Address to listen on; there is no authentication.")] = "127.0.0.1",
    all_versions: Annotated[bool, typer.Option("--all-versions", help="Not only the highest.")] = False,
    model_config_file: Annotated[
        Path | None, typer.Option(help="Models, versions and labels, as TensorFlow Serving reads them.")
    ] = None,
    model_config_file_poll_seconds: Annotated[float, typer.Option(min=0, help="Read that file again; 0: never.")] = 0,
    poll_seconds: Annotated[float, typer.Option(min=0, help="Look for new versions; 0: never.")] = 1,
    batching_parameters_file: Annotated[
        Path | None, typer.Option(help="Join requests into batches, by this text file.")
    ] = None,
    monitoring_config_file: Annotated[
        Path | None, typer.Option(help="Answer Prometheus metrics, by this text file.")
    ] = None,
    timeout_ms: Annotated[int, typer.Option(min=1, help="Of one REST request.")] = 30000,
    max_body_mb: Annotated[float, typer.Option(min=0.001, help="Largest request in MiB.")] = 100,
    max_held_mb: Annotated[
        float | None, typer.Option(min=0.001, help="Of all requests at once, in MiB; default: four of the largest.")
    ] = None,
    cors: Annotated[bool, typer.Option("--cors", help="Let pages of other origins read the replies.")] = False,
):
    """Answer REST and gRPC requests for models as TensorFlow Serving does.

    tf-audio-gan serve exports/drums exports/digits

    tf-audio-gan serve wavegan_drums --rest-port 0 --grpc-port -1      (a preset, exported on the way)

    tf-audio-gan serve --model-config-file serving/models.config --batching-parameters-file serving/batching.config
    """
    load_keras(tensorflow_for="servers of exported models")
    from tf_audio_gan.serving.exports import models_from_paths
    from tf_audio_gan.serving.server import Server

    with contextlib.ExitStack() as stack:
        folders = None
        if models or model_config_file is None:
            folders = models_from_paths([_exported(one, stack) for one in models or []])
        server = Server(
            folders,
            host=host,
            port=rest_port,
            grpc_port=None if grpc_port < 0 else grpc_port,
            versions="all" if all_versions else "latest",
            model_config_file=model_config_file,
            model_config_file_poll_seconds=model_config_file_poll_seconds,
            poll_seconds=poll_seconds,
            batching_parameters_file=batching_parameters_file,
            monitoring_config_file=monitoring_config_file,
            timeout_ms=timeout_ms,
            max_body_mb=max_body_mb,
            max_held_mb=max_held_mb,
            cors=cors,
        )
        server.run(ready=lambda server: _say_served(server, folders or {"MODEL": model_config_file}))


def _exported(argument, stack):
    """The argument, or the folder of a preset's export that lasts as long as the stack."""
    name, equals, preset = argument.partition("=")
    if not equals or Path(argument).is_dir():
        name, preset = "", argument
    folder = Path(preset)
    known = "://" in preset or (folder / "config.json").is_file()
    if not known and (folder.exists() or preset not in hub.zoo_index()):
        return argument
    made = stack.enter_context(tempfile.TemporaryDirectory(prefix="tf-audio-gan-"))
    own = preset.rstrip("/").rpartition("/")[2].partition("@")[0] if "://" in preset else folder.resolve().name
    out = Path(made) / (name or own)
    print(f"exporting {preset} to {out}", flush=True)
    tf_audio_gan.export(preset, out)
    return str(out)


def _say_served(server, folders):
    for name, folder in folders.items():
        print(f"serving {folder} at {server.url}/v1/models/{name}")
    if server.grpc_port is not None:
        print(f"gRPC at {server.host}:{server.grpc_port}")
    example = '{"signature_name": "from_seed", "instances": [0]}'
    print(f"try: curl -d '{example}' {server.url}/v1/models/{next(iter(folders))}:predict", flush=True)
