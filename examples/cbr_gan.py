"""Nine convolutions each way on 32×32 images: five steps of G for each of D, and latents that never change.

With the same 100 latents in every step G is asked for 100 pictures and nothing between them: compare strip-*.png, of
latents it was never trained on, with what `--set fixed_latents=false` gives. Each epoch draws that strip of eight, and
the loss curves (G blue, D red).

python examples/cbr_gan.py --data-dir FOLDER_OF_IMAGES        # the first 900 of them
"""

from mxgan.cli import example

main = example("Train the nine-layer convolutional GAN on a folder.", recipe="cbr-gan", dataset="folder")

if __name__ == "__main__":
    main()
