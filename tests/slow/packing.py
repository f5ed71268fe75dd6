"""The slow twin of kernels/packing.py: a list an instance, all of them looked at for each piece."""

MASK = (1 << 64) - 1


def pack_best_fit(tokens: list[int], capacity: int) -> list[int]:
    """The instance of each piece."""
    room: list[int] = []
    filled: list[int] = []  # numbers of instances, the one that was filled last at the end
    chosen = [0] * len(tokens)
    for piece in sorted(range(len(tokens)), key=lambda piece: (-tokens[piece], piece)):
        fitting = [i for i in filled if room[i] >= tokens[piece]]
        if fitting:
            least = min(room[i] for i in fitting)
            instance = [i for i in fitting if room[i] == least][-1]
            filled.remove(instance)
        else:
            instance = len(room)
            room.append(capacity)
        filled.append(instance)
        room[instance] -= tokens[piece]
        chosen[piece] = instance
    return chosen


def mixed(x: int) -> int:
    x = (x ^ (x >> 33)) * 0xFF51AFD7ED558CCD & MASK
    x = (x ^ (x >> 33)) * 0xC4CEB9FE1A85EC53 & MASK
    return x ^ (x >> 33)


def shuffle_instances(instances: list[int], count: int, key: int) -> list[list[int]]:
    """The pieces of each instance."""
    place = list(range(count))
    for i in reversed(range(1, count)):
        j = mixed(i ^ key) % (i + 1)
        place[i], place[j] = place[j], place[i]
    members: list[list[int]] = [[] for _ in range(count)]
    for piece, instance in enumerate(instances):
        members[place[instance]].append(piece)
    before = 0
    for found in members:
        for last in reversed(range(1, len(found))):
            j = mixed((before + last) ^ (key ^ MASK)) % (last + 1)
            found[last], found[j] = found[j], found[last]
        before += len(found)
    return members
