"""Parallel WaveGAN (Yamamoto, Song and Kim, 2020, arXiv 1910.11480)."""
