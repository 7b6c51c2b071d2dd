"""MelGAN (Kumar et al., 2019, arXiv 1910.06711), full-band and multi-band (Yang et al., 2020, arXiv 2005.05106)."""
