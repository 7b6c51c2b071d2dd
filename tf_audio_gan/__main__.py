"""`python -m tf_audio_gan` is the `tf-audio-gan` command."""

from tf_audio_gan.cli import main

if __name__ == "__main__":
    main()
