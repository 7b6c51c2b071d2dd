"""A page to play with: presets on pads, a keyboard, a vocoder and a denoiser, in the browser (`tf-audio-gan play`)."""
