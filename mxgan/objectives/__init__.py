"""Losses as symbols: heads over D's raw score, gradient penalties, spectral normalisation."""
