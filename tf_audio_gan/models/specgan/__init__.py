"""SpecGAN (Donahue, McAuley and Puckette, 2019, arXiv 1802.04208)."""
