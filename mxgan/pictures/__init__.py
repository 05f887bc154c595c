"""Arrays to pictures: grids, figures, windows, drawings of networks."""
