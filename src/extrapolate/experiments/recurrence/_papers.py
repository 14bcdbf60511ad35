"""The publication that the experiments reproduce."""

GILR = "Martin & Cundy, Parallelizing Linear Recurrent Neural Nets Over Sequence Length (arXiv 1709.04057, ICLR 2018)"
