import numpy as np
import pytest
from matplotlib.image import imread
from scipy.special import log_softmax

from numgrad.examples import digits
from numgrad.examples.digits import Digits, Weights


def naive_loss(weights, images, labels):
    scores = np.tanh(images @ weights.first + weights.first_bias) @ weights.second
    right = log_softmax(scores + weights.second_bias, axis=1)[np.arange(len(labels)), labels]
    squares = np.sum(weights.first**2) + np.sum(weights.second**2)
    return -right.mean() + digits.DECAY * squares


def naive_gradient(weights, images, labels):
    """By hand: back through the scores, the hidden layer, and the first product."""
    hidden = np.tanh(images @ weights.first + weights.first_bias)
    by_scores = np.exp(log_softmax(hidden @ weights.second + weights.second_bias, axis=1))
    by_scores[np.arange(len(labels)), labels] -= 1.0
    by_scores /= len(labels)
    by_sum = (by_scores @ weights.second.T) * (1.0 - hidden**2)
    return Weights(
        images.T @ by_sum + 2.0 * digits.DECAY * weights.first,
        by_sum.sum(axis=0),
        hidden.T @ by_scores + 2.0 * digits.DECAY * weights.second,
        by_scores.sum(axis=0),
    )


@pytest.fixture
def net():
    rng = np.random.default_rng(0)
    weights = Weights(*(rng.normal(size=each.shape) for each in digits.start(64, 10, rng)))
    return weights, Digits(rng.uniform(size=(7, 64)), rng.integers(0, 10, 7))


def test_the_loss_is_the_cross_entropy(net):
    weights, shown = net
    assert digits.loss(weights, *shown) == pytest.approx(naive_loss(weights, *shown), rel=1e-13)


def test_the_loss_of_scores_that_overflow_is_finite(net):
    weights, shown = net
    weights = weights._replace(second=weights.second * 1e4)
    assert digits.loss(weights, *shown) == pytest.approx(naive_loss(weights, *shown), rel=1e-13)


def test_the_gradient_is_that_by_hand(net):
    weights, shown = net
    found = digits.gradient(weights, *shown)
    for name, ours, right in zip(
        Weights._fields, found, naive_gradient(weights, *shown), strict=True
    ):
        np.testing.assert_allclose(ours, right, rtol=1e-11, atol=1e-14, err_msg=name)


def test_no_digit_is_both_shown_and_held_out():
    shown, held_out = digits.load()
    assert len(shown.labels) == 1348
    assert len(held_out.labels) == 449
    assert np.ptp(shown.images) == 1.0
    both = {image.tobytes() for image in shown.images} & {i.tobytes() for i in held_out.images}
    assert not both


def test_training_does_not_change_what_it_is_given(net):
    _, shown = net
    before = shown.images.copy(), shown.labels.copy()
    training = digits.train(shown, shown, 3)
    np.testing.assert_array_equal(shown.images, before[0])
    np.testing.assert_array_equal(shown.labels, before[1])
    assert training.losses == training.held_out
    assert training.losses[-1] == digits.loss(training.weights, *shown)


def test_main_reads_most_digits_and_saves_a_picture(tmp_path, capsys):
    output = tmp_path / "digits.png"
    digits.main(["--output", str(output)])
    printed = capsys.readouterr().out
    (line,) = [text for text in printed.splitlines() if text.startswith("read rightly")]
    rights, all_of_them = (int(word) for word in line.split() if word.isdigit())
    assert all_of_them == 449
    assert rights > 0.95 * all_of_them
    assert "gradients by 2,410 weights" in printed
    picture = imread(output)
    assert picture.shape[:2] == (460, 1100)
    assert picture[..., :3].std() > 0.1
