"""What the page's scripts ask for: a dict in, a dict out, and an error as words."""

import functools

from tf_audio_gan.studio import sounds

EXPECTED = (ValueError, OSError, ImportError, RuntimeError, OverflowError)


def answering(function):
    """A function of a request (dict), whose errors of these kinds are answers, {"error": words}."""

    @functools.wraps(function)
    def answer(request):
        try:
            if not isinstance(request, dict):
                raise ValueError(f"a request is an object of names and values. Received: {type(request).__name__}")
            return function(request)
        except KeyError as error:
            return {"error": f"the request lacks {error}"}
        except EXPECTED as error:
            return {"error": str(error)}

    return answer


def answers(presets):
    """The functions that the page's scripts call, of `Presets`: {name: request -> answer}."""

    def kit(request):
        """`PADS` sounds from a seed on: {preset, seed, label} -> {labels, sounds}."""
        seed = sounds.whole_seed(request["seed"])
        seeds = [(seed + i) % (sounds.LARGEST_SEED + 1) for i in range(sounds.PADS)]
        return made(request, seeds)

    def sound(request):
        """One sound: {preset, seed, label} -> {labels, sounds: [it]}."""
        return made(request, [request["seed"]])

    def made(request, seeds):
        with presets.model(request["preset"], "pads") as model:
            return {
                "labels": list(model.labels),
                "sounds": sounds.sounds(model, request["preset"], seeds, request.get("label")),
            }

    def keys(request):
        """What a keyboard has: {preset} -> {pitches}."""
        with presets.model(request["preset"], "notes") as model:
            return {"pitches": model.pitches.tolist()}

    def note(request):
        """A note: {preset, pitch, seeds, across, down} -> it."""
        names = ("preset", "pitch", "seeds", "across", "down")
        if not isinstance(request["seeds"], list):
            raise ValueError("seeds must be a list of four")
        with presets.model(request["preset"], "notes") as model:
            return sounds.note(model, **{name: request[name] for name in names})

    return {function.__name__: answering(function) for function in (kit, sound, keys, note)}
