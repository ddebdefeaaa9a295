"""Fornberg's recursion: the weights of any points for a derivative of any order.

Source: B. Fornberg, "Calculation of weights in finite difference formulas", SIAM Review 40 (1998),
685-691.
"""


def recursion(points, order, weights):
    """Fill ``weights[j, k]`` with the weight of each point in the derivative of order k at 0.

    It is run on fractions, for weights that are exact.
    """
    weights[:, :] = 0 * points[0]
    weights[0, 0] = 1 + 0 * points[0]
    before = 1 + 0 * points[0]
    for i in range(1, len(points)):
        highest = min(i, order)
        product = 1 + 0 * points[0]
        for j in range(i):
            apart = points[i] - points[j]
            product = product * apart
            if j == i - 1:
                ratio = before / product
                for k in range(highest, 0, -1):
                    weights[i, k] = ratio * (k * weights[j, k - 1] - points[j] * weights[j, k])
                weights[i, 0] = -ratio * points[j] * weights[j, 0]
            inverse = 1 / apart
            for k in range(highest, 0, -1):
                weights[j, k] = (points[i] * weights[j, k] - k * weights[j, k - 1]) * inverse
            weights[j, 0] = points[i] * weights[j, 0] * inverse
        before = product
