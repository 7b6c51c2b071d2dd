"""GANSynth (Engel, Agrawal, Chen, Gulrajani, Donahue and Roberts, 2019, arXiv 1902.08710)."""
