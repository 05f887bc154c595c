"""Pictures of arrays and networks: grids, figures, drawings, windows; pages about runs.

The files, in reading order::

    grid.py             grids of images, and PNG files
    films.py            frames as GIF, WebP and MP4
    training_film.py    the pictures of a run as frames
    latents/            ways through a generator's latent space, and their images
    figures.py          Matplotlib figures: loss curves, images with scores
    network_graph.py    drawings of networks by Graphviz
    windows.py          live windows in a child process
    report/             the page of a run: curves, pictures and scores as HTML
"""
