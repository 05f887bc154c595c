"""DCGAN on photographs in a RecordIO file, cropped and mirrored at random as in MXNet's example.

mxgan pack FOLDER_OF_IMAGES train.rec
python examples/dcgan_imagenet.py --rec train.rec
"""

from mxgan.cli import example

main = example(
    "Train DCGAN on the images of a .rec file.", recipe="dcgan", dataset="recordio", data_flag="--rec", epochs=100
)

if __name__ == "__main__":
    main()
