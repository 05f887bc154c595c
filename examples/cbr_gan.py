"""A GAN with nine convolutions in each network, on 32×32 images: five updates of G for each of D, fixed latents.

Every step uses the same 100 latents, so G learns 100 images and nothing between them. strip-*.png shows eight images of
other latents; compare it with a run with `--set fixed_latents=false`. Each epoch draws this strip and the loss curves
(G blue, D red).

python examples/cbr_gan.py --data-dir FOLDER_OF_IMAGES        # uses the first 900 images
"""

from mxgan.cli import example

main = example("Train the nine-layer convolutional GAN on a folder.", recipe="cbr-gan", dataset="folder")

if __name__ == "__main__":
    main()
