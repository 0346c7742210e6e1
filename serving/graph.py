"""Whether an ONNX graph is all in its file, told from the bytes alone, without the onnx package.

A graph may name other files for its tensors ("external data"), and such a name may point anywhere on the disk. The walk
follows only the fields of onnx.proto3 that lead to tensors: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
"""

from __future__ import annotations

from collections.abc import Iterator

LEADS_TO = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
EXTERNAL_DATA, DATA_LOCATION = 13, 14  # fields of a tensor


class GraphError(Exception):
    """The bytes are no ONNX graph."""


def has_external_data(content: bytes) -> bool:
    """Whether any tensor of the graph lies outside of it. Raises GraphError for bytes that are no protocol buffer."""
    return _any_external(memoryview(content), "model")


def _any_external(message: memoryview, kind: str) -> bool:
    if kind == "tensor":
        return any(number == EXTERNAL_DATA or (number == DATA_LOCATION and value) for number, value in _fields(message))
    below = LEADS_TO[kind]
    return any(_any_external(value, below[number]) for number, value in _fields(message)
               if number in below and isinstance(value, memoryview))


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Each field of a message: its number and its value, an integer or the bytes of a message or string."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        value: int | memoryview
        match tag & 7:
            case 0:
                value, at = _varint(message, at)
            case 1 | 5 as wire:
                value, at = 0, at + (8 if wire == 1 else 4)
            case 2:
                size, at = _varint(message, at)
                value, at = message[at:at + size], at + size
            case wire:
                raise GraphError(f"byte {at} has the wire type {wire}, which no graph has")
        if at > len(message):
            raise GraphError("a field is longer than the file")
        yield tag >> 3, value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(message) and shift < 70:
        byte = message[at]
        number, at, shift = number | (byte & 0x7F) << shift, at + 1, shift + 7
        if byte < 0x80:
            return number, at
    raise GraphError(f"no number ends at byte {at}")
