"""The version, in the one place that says it; setup.py reads this line without importing mxgan."""

__version__ = "0.1.0"
