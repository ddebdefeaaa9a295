"""Simple hand tracking of ADBench as a user of Numba writes it, beside its Jacobian by hand.

A hand is bones in a chain from the palm, and a mesh whose vertices follow them. The residuals are
the offsets of observed points from the vertices, for a pose of 26 numbers: the rotation vector and
the place of the hand, and for each finger two angles of the first joint and one of the other two.
See F. Srajer, Z. Kukelova and A. Fitzgibbon, ADBench (2018), and J. Taylor and others,
"User-specific hand modeling from monocular depth sequences", CVPR 2014; the mesh here is synthetic.
"""

import math
from typing import NamedTuple

import numba
import numpy as np

import numgrad
from benchmarks.adbench_problems import coefficients_of, rotation_with_slopes
from benchmarks.problems import beside_hand, loaded_jax

FINGERS, JOINTS = 5, 3
BONES = 1 + FINGERS * JOINTS


class Hand(NamedTuple):
    """The mesh at rest, and what was observed."""

    parents: np.ndarray  # of each bone; -1 for the palm
    relatives: np.ndarray  # the place of each bone in that of its parent, 4×4
    inverses: np.ndarray  # from the mesh to each bone at rest, 4×4
    vertices: np.ndarray
    weights: np.ndarray  # of the bones, at each vertex
    observed: np.ndarray


@numba.njit
def rotation_about(axis, angle):
    """Return the rotation about a coordinate axis as a matrix of homogeneous coordinates."""
    result = np.eye(4)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    result[i, i] = math.cos(angle)
    result[i, j] = -math.sin(angle)
    result[j, i] = math.sin(angle)
    result[j, j] = math.cos(angle)
    return result


@numba.njit
def rotation_by(w):
    """Return the matrix of the rotation by a vector (O. Rodrigues, 1840)."""
    angle = math.sqrt(w[0] ** 2 + w[1] ** 2 + w[2] ** 2)
    s, c = math.sin(angle), math.cos(angle)
    x, y, z = w[0] / angle, w[1] / angle, w[2] / angle
    return np.array(
        [
            [x * x * (1.0 - c) + c, x * y * (1.0 - c) - z * s, x * z * (1.0 - c) + y * s],
            [x * y * (1.0 - c) + z * s, y * y * (1.0 - c) + c, y * z * (1.0 - c) - x * s],
            [x * z * (1.0 - c) - y * s, y * z * (1.0 - c) + x * s, z * z * (1.0 - c) + c],
        ]
    )


@numba.njit
def joint(pose, bone):
    """Return the rotation of a bone against its parent."""
    finger, place = divmod(bone - 1, JOINTS)
    first = 6 + 4 * finger
    if place > 0:
        return rotation_about(0, pose[first + 1 + place])
    return rotation_about(0, pose[first]) @ rotation_about(1, pose[first + 1])


@numba.njit
def place_vertex(hand, moves, v, moved):
    """Store where the bones move a vertex."""
    moved[:] = 0.0
    for bone in range(hand.parents.size):
        weight = hand.weights[v, bone]
        if weight != 0.0:
            for i in range(3):
                along = moves[bone, i, 3]
                for j in range(3):
                    along += moves[bone, i, j] * hand.vertices[v, j]
                moved[i] += weight * along


@numba.njit
def residuals(pose, hand):
    bones = hand.parents.size
    places = np.empty((bones, 4, 4))
    moves = np.empty((bones, 4, 4))
    for bone in range(bones):
        if hand.parents[bone] < 0:
            places[bone] = hand.relatives[bone]
        else:
            places[bone] = places[hand.parents[bone]] @ hand.relatives[bone] @ joint(pose, bone)
        moves[bone] = places[bone] @ hand.inverses[bone]
    rotation = rotation_by(pose[:3])
    result = np.empty(3 * len(hand.vertices))
    moved = np.empty(3)
    for v in range(len(hand.vertices)):
        place_vertex(hand, moves, v, moved)
        for i in range(3):
            turned = pose[3 + i]
            for j in range(3):
                turned += rotation[i, j] * moved[j]
            result[3 * v + i] = hand.observed[v, i] - turned
    return result


def residual_jacobian(mode):
    return numgrad.jacobian(residuals, mode=mode)


# By hand: an angle moves its bone and those after it in its finger. The slope of its own place is
# the product with the slope of its rotation in the place of the rotation, and that of each further
# one is the slope of its parent's times its own rotation against it. A vertex follows by its
# weights. For the slopes by the rotation of the hand see `benchmarks.adbench_problems`.


@numba.njit
def slope_about(axis, angle):
    """Return the derivative of `rotation_about` by the angle."""
    result = np.zeros((4, 4))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    result[i, i] = -math.sin(angle)
    result[i, j] = -math.cos(angle)
    result[j, i] = math.cos(angle)
    result[j, j] = -math.sin(angle)
    return result


@numba.njit
def joint_slope(pose, bone, second):
    """Return the derivative of `joint` by its only angle, its first, or its second."""
    finger, place = divmod(bone - 1, JOINTS)
    first = 6 + 4 * finger
    if place > 0:
        return slope_about(0, pose[first + 1 + place])
    if second:
        return rotation_about(0, pose[first]) @ slope_about(1, pose[first + 1])
    return slope_about(0, pose[first]) @ rotation_about(1, pose[first + 1])


@numba.njit
def residual_jacobian_by_hand(pose, hand):
    bones, count = hand.parents.size, len(hand.vertices)
    places, steps = np.empty((bones, 4, 4)), np.empty((bones, 4, 4))
    moves = np.empty((bones, 4, 4))
    for bone in range(bones):
        if bone == 0:
            places[bone] = hand.relatives[bone]
        else:
            steps[bone] = hand.relatives[bone] @ joint(pose, bone)
            places[bone] = places[hand.parents[bone]] @ steps[bone]
        moves[bone] = places[bone] @ hand.inverses[bone]
    result = np.zeros((3 * count, pose.size))
    global_slopes(pose, hand, moves, result)
    rotation = np.eye(4)
    rotation[:3, :3] = rotation_by(pose[:3])
    for finger in range(FINGERS):
        first = 1 + JOINTS * finger
        for k in range(4):
            bone = first + max(k - 1, 0)
            slope = hand.relatives[bone] @ joint_slope(pose, bone, k == 1)
            slope = rotation @ places[hand.parents[bone]] @ slope
            for follower in range(bone, first + JOINTS):
                if follower > bone:
                    slope = slope @ steps[follower]
                vertex_slopes(
                    hand, follower, slope @ hand.inverses[follower], result, 6 + 4 * finger + k
                )
    return result


@numba.njit
def global_slopes(pose, hand, moves, result):
    """Store the derivatives by the rotation and the place of the hand."""
    rotation, coefficients = pose[:3], coefficients_of(pose[:3])
    moved, turned = np.empty(3), np.empty(3)
    by_vector, by_rotation = np.empty((3, 3)), np.empty((3, 3))
    for v in range(len(hand.vertices)):
        place_vertex(hand, moves, v, moved)
        rotation_with_slopes(rotation, coefficients, moved, turned, by_vector, by_rotation)
        for i in range(3):
            result[3 * v + i, 3 + i] = -1.0
            for k in range(3):
                result[3 * v + i, k] = -by_rotation[i, k]


@numba.njit
def vertex_slopes(hand, bone, slope, result, column):
    """Subtract what the vertices of a bone move by the slope of its place."""
    for v in range(len(hand.vertices)):
        weight = hand.weights[v, bone]
        if weight != 0.0:
            for i in range(3):
                along = slope[i, 3]
                for j in range(3):
                    along += slope[i, j] * hand.vertices[v, j]
                result[3 * v + i, column] -= weight * along


def synthetic_hand(vertices):
    """Return a hand with so many vertices, and a pose."""
    generator = np.random.default_rng(0)
    parents = np.array([-1, *(0 if k % JOINTS == 0 else k for k in range(BONES - 1))])
    relatives = np.tile(np.eye(4), (BONES, 1, 1))
    relatives[:, :3, 3] = generator.uniform(-1.0, 1.0, (BONES, 3))
    places = relatives.copy()
    for bone in range(1, BONES):
        places[bone] = places[parents[bone]] @ relatives[bone]
    weights = np.zeros((vertices, BONES))
    for v in range(vertices):
        bone = generator.integers(1, BONES)
        weights[v, bone] = generator.uniform(0.5, 1.0)
        weights[v, parents[bone]] = 1.0 - weights[v, bone]
    points = generator.normal(size=(2, vertices, 3))
    pose = generator.uniform(-0.5, 0.5, 6 + 4 * FINGERS)
    return pose, Hand(parents, relatives, np.linalg.inv(places), points[0], weights, points[1])


def jax_residuals(pose, hand):
    jnp = loaded_jax().numpy

    def about(axis, angle):
        s, c = jnp.sin(angle), jnp.cos(angle)
        i, j = (axis + 1) % 3, (axis + 2) % 3
        return jnp.eye(4).at[i, i].set(c).at[i, j].set(-s).at[j, i].set(s).at[j, j].set(c)

    places = [hand.relatives[0]]
    for bone in range(1, BONES):
        finger, place = divmod(bone - 1, JOINTS)
        first = 6 + 4 * finger
        if place > 0:
            turn = about(0, pose[first + 1 + place])
        else:
            turn = about(0, pose[first]) @ about(1, pose[first + 1])
        parent = 0 if place == 0 else bone - 1
        places.append(places[parent] @ hand.relatives[bone] @ turn)
    moves = jnp.stack(places) @ hand.inverses
    ends = jnp.einsum("bij,vj->vbi", moves[:, :3, :3], hand.vertices) + moves[:, :3, 3]
    moved = jnp.einsum("vb,vbi->vi", hand.weights, ends)
    angle = jnp.sqrt(pose[:3] @ pose[:3])
    axis = pose[:3] / angle
    along = (moved @ axis)[:, None] * axis * (1.0 - jnp.cos(angle))
    turned = moved * jnp.cos(angle) + jnp.cross(axis, moved) * jnp.sin(angle) + along
    return (hand.observed - turned - pose[3:6]).reshape(-1)


def hand_tracking(vertices=100):
    pose, hand = synthetic_hand(vertices)
    return beside_hand(
        f"hand tracking, {vertices} points, {3 * vertices}×26",
        (pose, hand),
        residual_jacobian,
        residual_jacobian_by_hand,
        residuals,
        lambda jax: jax.jit(jax.jacfwd(jax_residuals)),
    )
