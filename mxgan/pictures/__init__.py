"""Pictures of arrays and networks: grids, figures, drawings and windows.

The files, in reading order::

    grid.py             grids of images, and PNG files
    figures.py          Matplotlib figures: loss curves, images with scores
    network_graph.py    drawings of networks by Graphviz
    windows.py          live windows in a child process
"""
