/* Augmentation: how the pictures of a training are changed at random, anew in every step. */
#ifndef CLENET_AUGMENTATION_H
#define CLENET_AUGMENTATION_H

/* All members are double and 0 by default, which leaves the pictures as they are; each has a row in a table
 * (src/model/augmentation_table.c). Only training pictures are changed, never those of a validation, a test or a
 * prediction. Pixels are those of the network's input, and lie in [0, 1]. What is drawn for a picture follows from the
 * seed, the update and the place of its sample in the update: it is the same on every device, and after resuming.
 *
 * A picture is changed in the order of the members. Rotation and zoom are about its middle and come before the shift,
 * all in one bilinear interpolation of the stored picture. */
struct cln_augmentation {
    double rotate; /* degrees: turned by an angle from -rotate to rotate; at most 180 */
    double zoom;   /* larger by a factor from 1 - zoom to 1 + zoom; at most 0.9 */
    /* Moved by whole pixels from -shift to shift, down and across by numbers of their own, as a random crop of the
     * picture with `shift` pixels of padding; below both sides of the picture. */
    double shift;
    double reflect; /* 1: places outside of the picture have its mirror image; 0: they are black (0) */
    double flip;    /* 1: every second picture, by chance, is flipped left to right */
    /* 1: instead of `flip`, each picture is flipped in every second epoch; chance decides in which of the first two
     * (K. Jordan, 2024, "94% on CIFAR-10 in 3.29 seconds on a single A100"). Here chance follows from the seed and the
     * picture's place in the data set. */
    double alternating_flip;
    /* A pixel v becomes c (b v - 1/2) + 1/2, clipped to [0, 1], with one b from 1 - brightness to 1 + brightness and
     * one c from 1 - contrast to 1 + contrast for the picture. */
    double brightness, contrast; /* at most 1 */
    /* The side of a square of pixels that become 0 after standardisation, in all channels (T. DeVries and G. Taylor,
     * 2017, "Improved regularization of convolutional neural networks with cutout"). Its middle is anywhere in the
     * picture, so a part of it may lie outside. */
    double cutout;
    /* Each augmented picture is mixed with that of the next sample of the batch (of the last with that of the first).
     * For each batch one share is drawn from Beta(alpha, alpha), where alpha is the value; 0: not mixed. With both, one
     * of them by chance for each batch. Drawn on the host, from the seed and the step.
     * - mixup (H. Zhang et al., 2018): the picture is share times the own and 1 - share times the other.
     * - cutmix (S. Yun et al., 2019): a box of 1 - share of the picture is the other's. The box has the picture's
     *   proportions and its middle anywhere; where it leaves the picture it is cut, and the share becomes that of the
     *   pixels that are left.
     * The loss is share times that of the own label and 1 - share times that of the other. A prediction counts as right
     * if it is the label with the larger share, the own if they are equal. Not with class weights. */
    double mixup, cutmix;
};

#endif
