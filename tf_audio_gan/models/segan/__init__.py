"""SEGAN (Pascual et al., 2017, arXiv 1703.09452) and SEGAN+, its authors' later form: noisy speech to clean speech."""
