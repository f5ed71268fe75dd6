"""How many values the lists of a column hold: nulls, runs and shared values take no room, and would
as Python objects."""

import pyarrow as pa
import pyarrow.compute as pc


def has_lists(kind: pa.DataType) -> bool:
    """Whether values of this type may hold other ones."""
    if isinstance(kind, pa.BaseExtensionType):
        return has_lists(kind.storage_type)
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return has_lists(kind.value_type)
    return bool(pa.types.is_nested(kind))


def elements(array: pa.Array) -> int:
    """Values inside of lists and maps, at all depths; of unions, views and what is shared, no fewer
    than there are."""
    kind, types = array.type, pa.types
    if not has_lists(kind):
        return 0
    if isinstance(array, pa.ExtensionArray):
        return elements(array.storage)
    if types.is_dictionary(kind):
        return len(array) * elements(array.dictionary)
    if types.is_run_end_encoded(kind):
        return len(array) * elements(array.values)
    if types.is_struct(kind):
        return sum(map(elements, _children(array)))
    if types.is_fixed_size_list(kind):
        return _of(array.values, array.offset * kind.list_size, len(array) * kind.list_size)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_map(kind):
        first, last = (array.offsets[i].as_py() for i in (0, -1))
        inside = (array.keys, array.items) if types.is_map(kind) else (array.values,)
        return sum(_of(values, first, last - first) for values in inside)
    if types.is_list_view(kind) or types.is_large_list_view(kind):  # which may overlap
        return (pc.sum(array.sizes).as_py() or 0) * (1 + elements(array.values))
    return len(array) * sum(map(elements, _children(array)))  # of a union


def _of(values: pa.Array, first: int, count: int) -> int:
    return count + elements(values.slice(first, count))


def _children(array: pa.StructArray | pa.UnionArray) -> list[pa.Array]:
    return [array.field(i) for i in range(array.type.num_fields)]
