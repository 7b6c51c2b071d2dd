"""The judge: a classifier of labelled recordings, which generated ones are measured with."""
