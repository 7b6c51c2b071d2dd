"""Models as presets: folders of plain files that hold all there is to know of a model."""

import datetime

import keras

import tf_audio_gan
from tf_audio_gan import backend, durable, half_width, hub, models, preset_folder

_WEIGHTS = "{}.weights.h5"


class Presets:
    """The part of `AudioGAN` that writes presets and reads them.

    Attributes:
        saved_networks: names of the networks in a preset beside the generator.
    """

    saved_networks = ("discriminator",)

    def save_to_preset(self, folder, metadata=None, discriminator=True, dtype="float32"):
        """Writes a preset: a folder of plain files from which `from_preset` makes this model again.

        config.json, metadata.json, audio.json, generator.weights.h5 (the moving average), discriminator.weights.h5 and,
        of models that have one, classifier.weights.h5.
        Appears whole or not at all; an older preset there is replaced (files of other names in it stay), any other
        folder is refused.

        Args:
            folder: where.
            metadata: anything JSON that belongs into metadata.json.
            discriminator: False: leave its weights out, for one that was never trained. The preset makes sounds as any
                other; `from_preset` gives it a discriminator that starts afresh.
            dtype: "float16": weights of half the size. What the model then makes is measured against what it makes now,
                and the difference stands in metadata.json; loading widens them to float32.

        Raises:
            ValueError: another dtype, float16 changes what the model makes (`half_width.LIMIT`), or `folder` holds
                something else.
        """
        half_width.check_dtype(dtype)
        left_out = () if discriminator else (_WEIGHTS.format("discriminator"),)

        def write(new):
            facts = self._write_preset(new, metadata or {}, discriminator)
            if dtype == "float16":
                preset_folder.write_json(new / "metadata.json", {**facts, "float16": self.halve_weights(new)})

        preset_folder.replace(folder, write, left_out)

    def halve_weights(self, folder):
        """Stores the weights in a preset's folder as float16, measured by its sounds: see `half_width.store`."""
        model = self.in_float32()
        networks = {"generator": model.ema_generator} | {name: getattr(model, name) for name in self.saved_networks}
        files = {_WEIGHTS.format(name): network for name, network in networks.items()}
        there = {name: network for name, network in files.items() if (folder / name).is_file()}
        sounds = half_width.probe(self.length, self.channels, self.sample_rate)
        return half_width.store(folder, there, lambda: model.preview(sounds))

    def in_float32(self):
        """This model if it computes in float32, else a copy that does, not compiled: what is exported."""
        if self.generator.compute_dtype == "float32":
            return self
        with backend.dtype_policy("float32"):
            copy = type(self).from_config(self.get_config())
        for name in ("generator", "ema_generator", *self.saved_networks):
            getattr(copy, name).set_weights(getattr(self, name).get_weights())
        return copy

    def write_architecture(self, folder, metadata=None, others=None):
        """Writes what a preset has beside weights into a folder: config.json, audio.json, metadata.json.

        Args:
            folder: pathlib.Path, there.
            metadata: more for metadata.json.
            others: networks counted there beside the generator; None: all.

        Returns:
            What metadata.json holds.
        """
        others = self.saved_networks if others is None else others
        config = {"registered_name": f"tf_audio_gan>{type(self).__name__}", "config": self.get_config()}
        preset_folder.write_json(folder / preset_folder.CONFIG, config)
        preset_folder.write_json(folder / "audio.json", self.audio_settings())
        facts = {
            "tf_audio_gan_version": tf_audio_gan.__version__,
            "keras_version": keras.__version__,
            "parameters": {n: getattr(self, n).count_params() for n in ("generator", *others)},
            "saved": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }
        preset_folder.write_json(folder / "metadata.json", facts := {**facts, **(metadata or {})})
        return facts

    def _write_preset(self, folder, metadata, discriminator):
        others = [n for n in self.saved_networks if discriminator or n != "discriminator"]
        facts = self.write_architecture(folder, metadata, others)
        durable.save_weights(self.ema_generator, folder / _WEIGHTS.format("generator"))
        for name in others:
            durable.save_weights(getattr(self, name), folder / _WEIGHTS.format(name))
        return facts

    @classmethod
    def from_preset(cls, handle):
        """The model of a preset (a folder, or a name in the zoo); on `AudioGAN` itself, of whichever class it is."""
        folder = hub.resolve(handle)
        saved = preset_folder.read_config(folder / preset_folder.CONFIG)
        classes = {f"tf_audio_gan>{kind}": name for name, kind in models.MODELS.items()}
        if saved.get("registered_name") not in classes:
            found = saved.get("registered_name")
            if found == "tf_audio_gan>Classifier":
                raise ValueError(f"{folder} holds a judge, which makes no sounds. Use tf_audio_gan.load_judge.")
            raise ValueError(f"{folder / 'config.json'} is of {found!r}, which is none of: {', '.join(classes)}")
        kind = models.model_class(classes[saved["registered_name"]])
        if not issubclass(kind, cls):
            raise ValueError(
                f"{folder} holds a {kind.__name__}, not a {cls.__name__}. Use {kind.__name__}.from_preset."
            )
        preset_folder.refuse_untrained(folder)
        try:
            with backend.dtype_policy("float32"):
                model = kind.from_config(saved["config"])
        except (TypeError, ValueError) as error:
            where = folder / "config.json"
            raise ValueError(f"{where} does not fit this version's {kind.__name__}: {error}") from None
        preset_folder.load_weights(model.ema_generator, folder / _WEIGHTS.format("generator"))
        model.generator.set_weights(model.ema_generator.get_weights())
        for name in model.saved_networks:
            if (path := folder / _WEIGHTS.format(name)).is_file():
                preset_folder.load_weights(getattr(model, name), path)
        return model
