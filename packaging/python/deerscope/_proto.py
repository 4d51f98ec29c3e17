# SPDX-License-Identifier: GPL-3.0-or-later
"""The messages of `deer serve`, made from engine.proto when they are first needed.

Code that protoc makes fits some versions of protobuf and not others; the description of the messages fits all. So the
package holds engine.proto itself, and this reads what that file uses of the language.
"""

from __future__ import annotations

import os
import re
from typing import Any, Dict, List, Tuple

PROTOCOL = 1
PACKAGE = "deerscope.v1"

_TOKEN = re.compile(r'\s+|//[^\n]*|("[^"]*"|[A-Za-z_][\w.]*|\d+|[{}()=;])')
_SCALARS = ("double", "float", "int64", "int32", "bool", "string", "bytes")


def messages() -> Dict[str, Any]:
    """Classes of all messages, by name. Raises ImportError if protobuf is not installed."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "engine.proto")
    with open(path, encoding="utf-8") as file:
        described = describe(file.read(), descriptor_pb2)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(described)
    out: Dict[str, Any] = {}
    # Protobuf 3.20 and 4 have other names for this than 5 and later.
    newer = getattr(message_factory, "GetMessageClass", None)
    make = newer if newer is not None else message_factory.MessageFactory(pool).GetPrototype
    for one in described.message_type:
        out[one.name] = make(pool.FindMessageTypeByName(f"{PACKAGE}.{one.name}"))
    return out


def describe(text: str, descriptor_pb2: Any) -> Any:
    """A FileDescriptorProto of the messages in a .proto file; its services are left out."""
    out = descriptor_pb2.FileDescriptorProto(name="deerscope/engine.proto", package=PACKAGE, syntax="proto3")
    tokens = _tokens(text)
    at = 0
    while at < len(tokens):
        if tokens[at] == "message":
            at = _message(tokens, at + 1, out.message_type.add(), descriptor_pb2)
        elif tokens[at] == "service":
            at = _end_of_block(tokens, at)
        else:
            at = tokens.index(";", at) + 1  # syntax, package, option
    return out


def _tokens(text: str) -> List[str]:
    out: List[str] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"engine.proto: found {text[at:at + 10]!r}, expected a name, a number or punctuation")
        if match.group(1):
            out.append(match.group(1))
        at = match.end()
    return out


def _end_of_block(tokens: List[str], at: int) -> int:
    depth = 0
    while True:
        depth += {"{": 1, "}": -1}.get(tokens[at], 0)
        at += 1
        if depth == 0 and tokens[at - 1] == "}":
            return at


def _message(tokens: List[str], at: int, out: Any, descriptor_pb2: Any) -> int:
    out.name = tokens[at]
    at += 2  # the name and {
    while tokens[at] != "}":
        at = _field(tokens, at, out, descriptor_pb2)
    return at + 1


def _field(tokens: List[str], at: int, message: Any, descriptor_pb2: Any) -> int:
    kinds = descriptor_pb2.FieldDescriptorProto
    label, at = (tokens[at], at + 1) if tokens[at] in ("repeated", "optional") else ("", at)
    kind, name, _, number, _ = _five(tokens, at)
    field = message.field.add(name=name, number=int(number), json_name=name)
    field.label = kinds.LABEL_REPEATED if label == "repeated" else kinds.LABEL_OPTIONAL
    if kind in _SCALARS:
        field.type = getattr(kinds, "TYPE_" + kind.upper())
    else:
        field.type = kinds.TYPE_MESSAGE
        field.type_name = f".{PACKAGE}.{kind}"
    if label == "optional":  # proto3 keeps presence in a oneof of its own
        field.proto3_optional = True
        field.oneof_index = len(message.oneof_decl)
        message.oneof_decl.add(name="_" + name)
    return at + 5


def _five(tokens: List[str], at: int) -> Tuple[str, str, str, str, str]:
    kind, name, equals, number, end = tokens[at : at + 5]
    if equals != "=" or end != ";":
        raise ValueError(f"engine.proto: found {' '.join(tokens[at:at + 5])!r}, expected TYPE NAME = NUMBER;")
    return kind, name, equals, number, end
