"""Shared by ``benchmarks/`` and ``tests/``."""

import os

# TensorFlow uses oneDNN by itself on some CPUs only. Without it a training step of ResNet-50 on images of
# 32x32 pixels takes six times as long, nearly all of it in the gradients of convolutions over few pixels.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
