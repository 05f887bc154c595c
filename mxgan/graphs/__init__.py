"""Symbols and files of parameters: read, checked, measured and rewritten."""
