"""The loops, CPU and CUDA, for any stencil."""
