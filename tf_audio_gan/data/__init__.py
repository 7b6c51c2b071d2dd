"""A folder of audio files becomes batches."""
