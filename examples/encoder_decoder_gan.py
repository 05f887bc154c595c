"""The encoder-decoder GAN on 64×64 faces: D is updated on reals, then on fakes; batches are drawn with replacement.

Every 80 steps, scores-*.png shows eight fakes and eight reals with D's scores. The curve that the source calls D's loss
is its mean absolute error. history.jsonl has both: the loss as loss_d, the error as mae_d.

python examples/encoder_decoder_gan.py --data-dir CELEBA/img_align_celeba
python examples/encoder_decoder_gan.py --data-dir FOLDER --set discriminator_updates=2 --set capacity=32
"""

from mxgan.cli import example

TITLE = "Train the encoder-decoder GAN on a folder of images."

main = example(TITLE, recipe="encoder-decoder-gan", dataset="folder")

if __name__ == "__main__":
    main()
