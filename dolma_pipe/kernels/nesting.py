"""How deeply brackets are nested in a text, whatever else is in it."""

from dolma_pipe.kernels.jit import U8, kernel


@kernel
def deepest(text: U8) -> tuple[int, int, int]:
    """The most of ([{ that are open at once, and of < and of => since the last of ;{} and the
    text's start.

    A closing bracket closes the last of any sort that is open; strings and comments are text as
    any other.
    """
    depth = most = angles = most_angles = arrows = most_arrows = last = 0
    for c in text:
        if c == 40 or c == 91 or c == 123:
            depth += 1
            most = max(most, depth)
        elif c == 41 or c == 93 or c == 125:
            depth = max(depth - 1, 0)
        elif c == 60:
            angles += 1
            most_angles = max(most_angles, angles)
        elif c == 62:
            angles = max(angles - 1, 0)
            arrows += int(last == 61)
            most_arrows = max(most_arrows, arrows)
        if c == 59 or c == 123 or c == 125:
            angles = arrows = 0
        last = int(c)
    return int(most), int(most_angles), int(most_arrows)
