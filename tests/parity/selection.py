"""The 69 cases of CI: first those that once were wrong, then others of every kind."""
from named import named_cases
from random_cases import random_case

# Random networks of seed 1 and the seeds of their data: batch norms before anything else, and of values all alike.
FOUND_RANDOM = ((33, 10143), (43, 10273), (59, 10481))
FOUND = ("all 0", "all 0, batch norm behind batch norm", "one biased, one not", "batch norm after batch norm",
         "Adam, eps among the gradients", "Adam, eps above the gradients", "tanh, weights x 200")
OTHERS = ("3x32x32, LeNet-like", "3x1x1", "1 x 40 strip", "padding beyond the kernel", "stride 3",
          "max, padding [3,5]/[1,2]/[1,2]", "average, padding 3/2/1 (count_include_pad)",
          "batch norm, activation, pool before any affine", "labels all the same", "3",
          "last batch of one sample", "< 0, ReLU, max pool", "a bias of 10000 before batch norm", "momentum 1",
          "SGD, momentum 0.9, weight decay 0.05", "resize 7x30 -> 11, standardise",
          "AdamW, weight decay 1, weights only, betas", "RMSprop, momentum 0.9, alpha 0.9, weight decay 0.1",
          "SGD with Nesterov's momentum, weight decay of weights only", "step", "multistep behind a warm-up", "exponential",
          "cosine behind a warm-up", "one-cycle behind a warm-up", "label smoothing 0.1",
          "leaky ReLU, max pool", "dropout", "dropout by channel, and of the input", "ELU, max pool", "global average pool",
          "padding same, not square", "2 and 3 groups", "depthwise separable", "depthwise with multiplier 2, max pool",
          "dilation [2, 1], then 2 with stride 2", "padding same of a dilation, depthwise",
          "lenet-5", "vgg-mini", "mobilenet-like", "resnet-8", "within each other, with dropouts",
          "without gamma and beta", "some without gamma and beta, one first, one last",
          "AdamW, frozen layers and biases", "RMSprop, frozen layers and biases",
          "SGD, momentum 0.9, clipped to norm 0.5", "class weights, label smoothing 0.2",
          "Adam, weights averaged by 0.9", "Adam, weight decay 0.1, 3 batches per update", "dropout, 3 batches per update",
          "group norms", "layer norms of images", "SiLU, max pool", "activations of their input behind sums")
RANDOM = (2, 7, 11, 20, 24)


def cases():
    """All of them, in order."""
    named = {case.title: case for case in named_cases()}
    yield from (random_case(number, 1, seed) for number, seed in FOUND_RANDOM)
    yield from (named[title] for title in FOUND + OTHERS)
    yield from (random_case(number, 1, number) for number in RANDOM)
