"""Work around the steps: each concern one callback."""
