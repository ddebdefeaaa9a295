"""Handwritten digits: a small net, trained by gradients in reverse mode.

Run it with ``python -m numgrad.examples.digits [--output digits.png]``.

The digits are those that scikit-learn ships: 1,797 images of 8×8 points, written by 13 people, from
E. Alpaydin and C. Kaynak's "Optical recognition of handwritten digits" (UCI, 1998). A net of one
hidden layer
::

    hidden = tanh(images @ first + first_bias)
    scores = hidden @ second + second_bias

gives each image a score for each digit. What is to be small is the cross entropy of the scores'
softmax, written as a loop over the images. Its gradient by the 2,410 weights comes from one sweep
backward: products of matrices, whole arrays and the loop in one function, as it stands. The
weights are a tuple of four arrays, and so is the gradient.

D. P. Kingma and J. Ba's Adam (ICLR 2015) takes the steps, a few lines of NumPy. A quarter of the
images is held out, to see what the net knows of digits that it wasn't shown.
"""

import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

import numgrad
from numgrad.examples import example
from numgrad.plotting import COLOURS

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

UNITS = 32  # of the hidden layer
EPOCHS, BATCH = 60, 50  # rounds through the images; images a step
RATE = 3e-3  # of Adam's steps
DECAY = 3e-4  # what the squares of the weights count
HELD_OUT = 0.25  # of the images


class Weights(NamedTuple):
    """The weights of the net.

    Attributes
    ----------
    first : ndarray of shape (points, units)
        From the points of an image to the hidden layer.
    first_bias : ndarray of shape (units,)
        Of the hidden layer.
    second : ndarray of shape (units, digits)
        From the hidden layer to the scores.
    second_bias : ndarray of shape (digits,)
        Of the scores.
    """

    first: Floats
    first_bias: Floats
    second: Floats
    second_bias: Floats


class Digits(NamedTuple):
    """Images with what they show.

    Attributes
    ----------
    images : ndarray of shape (images, 64)
        Ink at each point, from 0 to 1.
    labels : ndarray of shape (images,)
        The digits.
    """

    images: Floats
    labels: Integers


class Training(NamedTuple):
    """How a net was trained.

    Attributes
    ----------
    weights : Weights
        Those at the end.
    losses : list of float
        After each epoch, of the images that the net was shown.
    held_out : list of float
        After each epoch, of those that were held out.
    seconds : list of float
        What each gradient took.
    """

    weights: Weights
    losses: list[float]
    held_out: list[float]
    seconds: list[float]


@njit
def scores_of(weights: Weights, images: Floats) -> Floats:
    """Return a score for each image and digit."""
    hidden = np.tanh(images @ weights.first + weights.first_bias)
    scores: Floats = hidden @ weights.second + weights.second_bias
    return scores


@njit
def loss(weights: Weights, images: Floats, labels: Integers) -> float:
    """Return the mean cross entropy, and a share of the squares of the weights."""
    scores = scores_of(weights, images)
    total = 0.0
    for i in range(labels.size):
        largest = scores[i].max()  # so that no exponential overflows
        exponentials = 0.0
        for digit in range(scores.shape[1]):
            exponentials += np.exp(scores[i, digit] - largest)
        total += largest + np.log(exponentials) - scores[i, labels[i]]
    squares = np.sum(weights.first**2) + np.sum(weights.second**2)
    mean: float = total / labels.size + DECAY * squares
    return mean


gradient = numgrad.grad(loss, mode="reverse")


def load() -> tuple[Digits, Digits]:
    """Read the digits that scikit-learn ships.

    Returns
    -------
    shown, held_out : Digits
        To train with, and to judge with.
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    images, labels = data.data[order] / 16.0, data.target[order].astype(np.int64)
    first = round(HELD_OUT * len(labels))
    return Digits(images[first:], labels[first:]), Digits(images[:first], labels[:first])


def start(points: int, digits: int, rng: np.random.Generator) -> Weights:
    """Return random weights, by which scores neither grow nor vanish.

    Parameters
    ----------
    points, digits : int
        How many points an image has, and how many digits there are.
    rng : Generator
        What draws them.

    Returns
    -------
    Weights
        With the variance of X. Glorot and Y. Bengio (AISTATS 2010); no biases.
    """
    first = rng.normal(0.0, np.sqrt(2.0 / (points + UNITS)), (points, UNITS))
    second = rng.normal(0.0, np.sqrt(2.0 / (UNITS + digits)), (UNITS, digits))
    return Weights(first, np.zeros(UNITS), second, np.zeros(digits))


def train(shown: Digits, held_out: Digits, epochs: int) -> Training:
    """Train a net by Adam.

    Parameters
    ----------
    shown, held_out : Digits
        What the net is shown, and what it is judged by.
    epochs : int
        How many times it is shown all images.

    Returns
    -------
    Training
        The net, and how it came about.
    """
    rng = np.random.default_rng(1)
    weights = start(shown.images.shape[1], 10, rng)
    means, squares = ([np.zeros_like(each) for each in weights] for _ in range(2))
    losses, judged, seconds = [], [], []
    step = 0
    for _ in range(epochs):
        order = rng.permutation(len(shown.labels))
        for batch in np.array_split(order, max(1, len(order) // BATCH)):
            began = time.perf_counter()
            slopes = gradient(weights, shown.images[batch], shown.labels[batch])
            seconds.append(time.perf_counter() - began)
            step += 1
            for weight, slope, mean, square in zip(weights, slopes, means, squares, strict=True):
                mean += 0.1 * (slope - mean)
                square += 0.001 * (slope**2 - square)
                deviation = np.sqrt(square / (1.0 - 0.999**step)) + 1e-8
                weight -= RATE * mean / (1.0 - 0.9**step) / deviation
        losses.append(loss(weights, *shown))
        judged.append(loss(weights, *held_out))
    return Training(weights, losses, judged, seconds)


def read(weights: Weights, images: Floats) -> Integers:
    """Return the digit that each image shows, as the net sees it."""
    digits: Integers = scores_of(weights, images).argmax(axis=1)
    return digits


def draw(training: Training, held_out: Digits, output: Path) -> None:
    """Save a picture: the losses, what was taken for what, and the digits that were misread.

    Parameters
    ----------
    training : Training
        The net.
    held_out : Digits
        What it is judged by.
    output : Path
        The picture's file.
    """
    from matplotlib.figure import Figure  # not pyplot: no window, no global state

    read_as = read(training.weights, held_out.images)
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    left, middle, right = figure.subfigures(1, 3, width_ratios=(4, 4, 3))

    axes = left.subplots()
    axes.set_title("loss")
    epochs = np.arange(1, len(training.losses) + 1)
    axes.semilogy(epochs, training.losses, color=COLOURS[0], label="shown")
    axes.semilogy(epochs, training.held_out, "--", color=COLOURS[1], label="held out")
    axes.set_xlabel("epochs")
    axes.legend(frameon=False)

    axes = middle.subplots()
    axes.set_title("digits held out")
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (held_out.labels, read_as), 1)
    axes.imshow(np.sqrt(counts), cmap="Blues")
    for (written, taken), count in np.ndenumerate(counts):
        if count:
            colour = "white" if count > counts.max() / 2 else "black"
            axes.text(taken, written, count, ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(range(10))
    axes.set_yticks(range(10))
    axes.set_xlabel("read as")
    axes.set_ylabel("written")

    right.suptitle("written, and read as")
    misread_first = np.argsort(read_as == held_out.labels, kind="stable")
    for axes, k in zip(right.subplots(4, 3).flat, misread_first, strict=False):
        axes.imshow(held_out.images[k].reshape(8, 8), cmap="Greys")
        colour = "black" if read_as[k] == held_out.labels[k] else COLOURS[1]
        axes.set_title(f"{held_out.labels[k]}, {read_as[k]}", color=colour, fontsize=9)
        axes.set_axis_off()
    figure.savefig(output, format="png", dpi=100)


@example("sklearn.datasets")
def main(output: Path) -> None:
    """Train, print, draw."""
    shown, held_out = load()
    print(f"{len(shown.labels):,} digits are shown to a net, {len(held_out.labels)} are held out\n")
    training = train(shown, held_out, EPOCHS)
    print("epoch   loss   held out")
    for epoch in (1, *range(EPOCHS // 6, EPOCHS + 1, EPOCHS // 6)):
        print(f"{epoch:5}{training.losses[epoch - 1]:7.3f}{training.held_out[epoch - 1]:11.3f}")
    rights = read(training.weights, held_out.images) == held_out.labels
    print(f"\nread rightly: {rights.sum()} of the {rights.size} held out, {rights.mean():.1%}")
    inputs = sum(each.size for each in training.weights)
    print(
        f"{len(training.seconds):,} gradients by {inputs:,} weights, "
        f"{1e6 * np.median(training.seconds):.0f} µs each"
    )
    draw(training, held_out, output)


if __name__ == "__main__":
    main()
