"""Recipes of quantization, pruning, distillation: trained models to candidates."""
