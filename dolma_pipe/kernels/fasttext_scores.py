"""From a document's vector to the probabilities of labels, under each of fastText's losses."""

from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.jit import F32, I32, I64, inlined, kernel

HIERARCHICAL_SOFTMAX, NEGATIVE_SAMPLING, SOFTMAX, ONE_VS_ALL = 1, 2, 3, 4
"""fastText's own numbers for its losses (args.h, loss_name)."""

UNREACHED = 10**15
"""The count of a node that the tree has not come to: above all counts together."""

SIGMOID_RANGE = np.float32(8)
SIGMOID_STEPS = np.float32(512)
"""fastText looks sigmoids up in a table over [-8, 8] (Loss::Loss)."""


class Tree(NamedTuple):
    """The Huffman tree over the labels: nodes below len(rank) are leaves, the last one is the root.

    left, right, parent: int32[2 * labels - 1], -1 for none; rank: int32[labels], the place in a
    left-first walk.
    """

    left: I32
    right: I32
    parent: I32
    rank: I32


@kernel
def grow_tree(counts: I64, tree: Tree) -> None:
    """Fill a tree of -1, of labels sorted by falling count (HierarchicalSoftmaxLoss::buildTree)."""
    left, right, parent, rank = tree.left, tree.right, tree.parent, tree.rank
    labels = len(counts)
    nodes = 2 * labels - 1
    weight = np.full(nodes, UNREACHED, np.int64)
    weight[:labels] = counts
    leaf, node = labels - 1, labels
    for new in range(labels, nodes):
        children = (0, 0)
        for _ in range(2):
            if leaf >= 0 and weight[leaf] < weight[node]:
                child = leaf
                leaf -= 1
            else:
                child = node
                node += 1
            children = (children[1], child)
        left[new], right[new] = children
        parent[children[0]] = parent[children[1]] = new
        weight[new] = weight[children[0]] + weight[children[1]]
    stack = np.empty(nodes, np.int32)
    stack[0] = nodes - 1
    depth, met = 1, 0
    while depth > 0:
        depth -= 1
        node = stack[depth]
        if node < labels:
            rank[node] = met
            met += 1
        else:
            stack[depth] = right[node]
            stack[depth + 1] = left[node]
            depth += 2


@kernel
def score_labels(
    vectors: F32,
    rows: I64,
    output: F32,
    loss: int,
    sigmoids: F32,
    wanted: I32,
    scores: F32,
    top: I32,
    top_score: F32,
) -> None:
    """Probabilities under softmax, one-vs-all or negative sampling.

    vectors, rows: see document_vectors; where rows is 0 nothing is written. wanted: int32[k]
    labels. Fills scores float32[documents, k], top int32[documents], top_score float32[documents].
    """
    outputs = np.empty(len(output), np.float32)
    for d in range(len(vectors)):
        if rows[d] == 0:
            continue
        vector = vectors[d]
        for label in range(len(outputs)):
            outputs[label] = _dot(output, label, vector)
        if loss == SOFTMAX:
            _softmax(outputs)
        else:
            _sigmoid(outputs, sigmoids)
        best = 0
        for label in range(1, len(outputs)):
            # >=, because fastText's heap of one keeps the last of equals.
            if outputs[label] >= outputs[best]:
                best = label
        top[d] = best
        top_score[d] = _probability(_log(outputs[best]))
        for j in range(len(wanted)):
            scores[d, j] = _probability(_log(outputs[wanted[j]]))


@kernel
def _softmax(outputs: F32) -> None:
    largest = outputs.max()
    total = np.float32(0)
    for label in range(len(outputs)):
        outputs[label] = np.exp(outputs[label] - largest)
        total += outputs[label]
    for label in range(len(outputs)):
        outputs[label] /= total


@kernel
def _sigmoid(outputs: F32, sigmoids: F32) -> None:
    """By fastText's table (Loss::sigmoid)."""
    for label in range(len(outputs)):
        x = outputs[label]
        if x > SIGMOID_RANGE:
            outputs[label] = np.float32(1)
        elif x >= -SIGMOID_RANGE:
            step = (x + SIGMOID_RANGE) * SIGMOID_STEPS / SIGMOID_RANGE / np.float32(2)
            outputs[label] = sigmoids[np.int64(step)]
        else:  # NaN too, which a damaged model may give
            outputs[label] = np.float32(0)


@kernel
def score_leaves(
    vectors: F32,
    rows: I64,
    output: F32,
    tree: Tree,
    wanted: I32,
    scores: F32,
    top: I32,
    top_score: F32,
) -> None:
    """As score_labels, under hierarchical softmax; only the nodes that answers need are visited."""
    left, right, parent, rank = tree.left, tree.right, tree.parent, tree.rank
    labels, nodes = len(rank), len(parent)
    seen = np.full(nodes, -1, np.int64)
    branches = np.empty((nodes, 2), np.float32)
    stack = np.empty(nodes + 1, np.int32)
    stack_score = np.empty(nodes + 1, np.float32)
    for d in range(len(vectors)):
        if rows[d] == 0:
            continue
        vector = vectors[d]
        best, best_score = -1, np.float32(-np.inf)
        stack[0] = nodes - 1
        stack_score[0] = np.float32(0)
        depth = 1
        while depth > 0:
            depth -= 1
            node, score = stack[depth], stack_score[depth]
            # As in fastText, a branch below the best leaf is cut; the likelier goes first here,
            # so that more are cut.
            if score < best_score:
                continue
            if node < labels:
                # Of equals fastText keeps the last that its left-first walk meets.
                if best < 0 or score > best_score or rank[node] > rank[best]:
                    best, best_score = node, score
                continue
            _visit(output, labels, vector, node, d, seen, branches)
            toward = np.int64(branches[node, 1] > branches[node, 0])
            stack[depth], stack[depth + 1] = right[node], left[node]
            if toward == 1:
                stack[depth], stack[depth + 1] = left[node], right[node]
            stack_score[depth] = score + branches[node, 1 - toward]
            stack_score[depth + 1] = score + branches[node, toward]
            depth += 2
        if best >= 0:
            top[d] = best
            top_score[d] = _probability(best_score)
        for j in range(len(wanted)):
            # Along the path from the root, so that the sum is the one of the walk above.
            depth, node = 0, wanted[j]
            while node >= 0:
                stack[depth] = node
                depth += 1
                node = parent[node]
            score = np.float32(0)
            for step in range(depth - 1, 0, -1):
                node = stack[step]
                _visit(output, labels, vector, node, d, seen, branches)
                score += branches[node, np.int64(right[node] == stack[step - 1])]
            scores[d, j] = _probability(score)


@kernel
def score_every_leaf(vectors: F32, rows: I64, columns: F32, tree: Tree, scores: F32) -> None:
    """As score_leaves for all labels at once, from the root down: products in place of logarithms.

    columns: the output matrix on its side, float32[dimensions, labels]. Fills scores
    float32[documents, labels].
    """
    left, right = tree.left, tree.right
    labels, nodes = len(tree.rank), len(tree.parent)
    likely = np.empty(nodes, np.float64)
    products = np.empty(labels, np.float32)
    for d in range(len(vectors)):
        if rows[d] == 0:
            continue
        products[:] = np.float32(0)
        for k in range(len(columns)):  # all nodes side by side: the compiler does eight at once
            x = vectors[d, k]
            for node in range(labels):
                products[node] += columns[k, node] * x
        for node in range(labels):
            products[node] = np.float32(1) / (np.float32(1) + np.exp(-products[node]))
        likely[nodes - 1] = 1.0
        for node in range(nodes - 1, labels - 1, -1):  # a node comes after its branches
            f = products[node - labels]
            likely[left[node]] = likely[node] * (np.float64(np.float32(1) - f) + 1e-5)
            likely[right[node]] = likely[node] * (np.float64(f) + 1e-5)
        for label in range(labels):
            scores[d, label] = min(np.float32(likely[label]), np.float32(1))


@kernel
def _visit(
    output: F32, labels: int, vector: F32, node: int, document: int, seen: I64, branches: F32
) -> None:
    """Work out the log-probabilities of a node's left and right branch, once a document."""
    if seen[node] == document:
        return
    seen[node] = document
    f = np.float32(1) / (np.float32(1) + np.exp(-_dot(output, node - labels, vector)))
    branches[node, 0] = _log(np.float32(1) - f)
    branches[node, 1] = _log(f)


@kernel
def _dot(matrix: F32, row: int, vector: F32) -> np.float32:
    """In four chains, in a fixed order: a single one would wait for each addition."""
    a = b = c = d = np.float32(0)
    even = len(vector) - len(vector) % 4
    for k in range(0, even, 4):
        a += matrix[row, k] * vector[k]
        b += matrix[row, k + 1] * vector[k + 1]
        c += matrix[row, k + 2] * vector[k + 2]
        d += matrix[row, k + 3] * vector[k + 3]
    for k in range(even, len(vector)):
        a += matrix[row, k] * vector[k]
    return (a + b) + (c + d)


@inlined
def _log(x: np.float32) -> np.float32:
    """fastText's std_log: its probabilities are up to 1e-5 high."""
    return np.float32(np.log(np.float64(x) + 1e-5))


@inlined
def _probability(logarithm: np.float32) -> np.float32:
    """Never over 1, which fastText's own can be by 1e-5."""
    return min(np.float32(np.exp(logarithm)), np.float32(1))
