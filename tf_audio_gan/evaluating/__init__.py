"""The parts of an evaluation: reading sounds in one form, baselines, pairs of files, results and their table."""
