"""Pure functions on audio: reading and writing files, spectra."""
