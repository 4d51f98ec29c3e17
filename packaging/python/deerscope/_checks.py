# SPDX-License-Identifier: GPL-3.0-or-later
"""Checking arguments: an error names the argument, what was found and what was expected."""

from __future__ import annotations

import ipaddress
import math
import operator
import os
import re
from typing import Any, NoReturn, Optional, Tuple, Type

import numpy as np
import numpy.typing as npt

_LONGEST_TEXT = 4096  # bytes
_LONGEST_SHOWN = 60  # characters
_MOST_SECONDS = 1e9  # about 30 years; gRPC's clock does not go much further
_LONGEST_SOCKET = 107  # bytes of a Unix socket's path
_MOST_PORT = 65535


def shown(value: Any) -> str:
    """A found value for a message, on one line and not long."""
    try:
        out = " ".join(repr(value).split())
    except Exception:  # of another library's class, or a whole number of thousands of digits
        out = f"of type {type(value).__name__}"
    return out if len(out) <= _LONGEST_SHOWN else f"{out[:_LONGEST_SHOWN]}… of type {type(value).__name__}"


def checked_text(what: str, value: Any) -> str:
    """`value`, with characters that UTF-8 does not have replaced."""
    if not isinstance(value, str):
        raise TypeError(f"{what} is {shown(value)}, expected a text (str)")
    out = value.encode("utf-8", "replace")
    if len(out) > _LONGEST_TEXT:
        raise ValueError(f"{what} has {len(out)} bytes, expected at most {_LONGEST_TEXT}")
    return out.decode()


def checked_instruction(value: Any, most_bytes: Optional[int] = None) -> str:
    """With a limit also without characters that UTF-8 does not have."""
    if not isinstance(value, str):
        raise TypeError(f"the instruction is of type {type(value).__name__}, expected str")
    if most_bytes is None:
        return value
    out = value.encode("utf-8", "replace")
    if len(out) > most_bytes:
        raise ValueError(f"the instruction has {len(out)} bytes, expected at most {most_bytes}")
    return out.decode()


def checked_path(what: str, value: Any) -> str:
    path = os.fspath(value) if isinstance(value, (str, os.PathLike)) else None
    if not isinstance(path, str):
        raise TypeError(f"{what} is {shown(value)}, expected a path (str or os.PathLike)")
    if not path or "\0" in path:
        raise ValueError(f"{what} is {shown(path)}, expected a path")
    return path


def checked_whole(what: str, value: Any, least: int, most: int) -> int:
    expected = f"expected a whole number from {least} to {most}"
    try:
        number = operator.index(value)
    except TypeError:
        # 3.0 is a whole number too; text that float() would read is none.
        if isinstance(value, (str, bytes, bytearray)) or not hasattr(value, "__float__"):
            raise TypeError(f"{what} is {shown(value)}, {expected}") from None
        try:
            as_float = float(value)
        except (TypeError, ValueError):
            raise TypeError(f"{what} is {shown(value)}, {expected}") from None
        if not math.isfinite(as_float) or as_float != int(as_float):
            raise ValueError(f"{what} is {shown(value)}, {expected}") from None
        number = int(as_float)
    if not least <= number <= most:
        raise ValueError(f"{what} is {shown(number)}, {expected}")
    return number


def checked_number(what: str, value: Any, expected: str) -> float:
    """May be NaN or infinite."""
    if isinstance(value, (str, bytes, bytearray)) or not hasattr(value, "__float__"):
        raise TypeError(f"{what} is {shown(value)}, expected {expected}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{what} is {shown(value)}, expected {expected}") from None
    except (TypeError, ValueError):
        raise TypeError(f"{what} is {shown(value)}, expected {expected}") from None


def checked_seconds(what: str, value: Any, or_zero: bool = False) -> float:
    expected = f"seconds, {'0' if or_zero else 'more than 0'} to {_MOST_SECONDS:g}"
    number = checked_number(what, value, expected)
    if not (0 <= number <= _MOST_SECONDS) or (number == 0 and not or_zero):
        raise ValueError(f"{what} is {shown(value)}, expected {expected}")
    return number


def checked_flag(what: str, value: Any) -> bool:
    if isinstance(value, (bool, np.bool_)) or (isinstance(value, int) and value in (0, 1)):
        return bool(value)
    raise TypeError(f"{what} is {shown(value)}, expected True or False")


def as_numbers(what: str, values: Any, dtype: Type[Any]) -> "npt.NDArray[Any]":
    """A copy as an array of `dtype`, which may hold NaN and infinity."""
    if _holds_others(values):
        raise TypeError(f"{what} is not an array of numbers: it is or holds a text, or a number that is not real")
    try:
        with np.errstate(over="ignore"):
            return np.array(values, dtype)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise ValueError(f"{what} is not an array of numbers: {error}") from None


def finite_numbers(what: str, values: Any, dtype: Type[Any]) -> "npt.NDArray[Any]":
    """As `as_numbers`; refuses NaN, infinity and numbers that are infinite as `dtype`."""
    array = as_numbers(what, values, dtype)
    if np.isfinite(array).all():
        return array
    wide = as_numbers(what, values, np.float64)
    if not np.isfinite(wide).all():
        raise ValueError(f"{what} holds NaN or infinity, expected finite numbers")
    found, most = wide[~np.isfinite(array)].flat[0], np.finfo(dtype).max
    raise ValueError(f"{what} holds {found:g}, expected numbers from {-most:g} to {most:g} ({np.dtype(dtype).name})")


def checked_numbers(what: str, values: Any, size: Optional[int] = None) -> "npt.NDArray[np.float64]":
    """Finite numbers in one row, [size]."""
    array = as_numbers(what, values, np.float64)
    expected = "[n]" if size is None else f"[{size}]"
    if array.ndim != 1 or array.size == 0 or (size is not None and array.size != size):
        raise ValueError(f"{what} has the shape {list(array.shape)}, expected {expected}")
    return finite_numbers(what, array, np.float64)


def checked_picture(what: str, image: Any, longest_side: Optional[int] = None, also: str = "") -> "npt.NDArray[Any]":
    """A copy, uint8 [height, width, 3]."""
    limit = f", at most {longest_side} pixels a side" if longest_side else ""
    expected = f"expected uint8 [height, width, 3], RGB{limit}{also}"
    try:
        array = np.array(image)
    except Exception as error:  # rows of different lengths, or another library's array
        raise ValueError(f"{what} is not an array ({error}), {expected}") from None
    sides = array.shape[:2]
    fits = array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] == 3 and 0 not in sides
    if not fits or (longest_side is not None and max(sides) > longest_side):
        raise ValueError(f"{what} is {array.dtype} {list(array.shape)}, {expected}")
    return array


def checked_address(value: Any) -> Tuple[str, bool]:
    """The address, and whether it is this machine's."""
    expected = "expected HOST:PORT, [IPV6]:PORT or unix:PATH"
    if not isinstance(value, str):
        raise TypeError(f"address is {shown(value)}, {expected}")

    def refuse() -> NoReturn:
        raise ValueError(f"address is {shown(value)}, {expected}")

    if value.startswith("unix:"):
        path = value[len("unix:") :]
        path = path[2:] if path.startswith("//") else path
        if not path or "\0" in path:
            refuse()
        size = len(os.fsencode(path))
        if size > _LONGEST_SOCKET:
            raise ValueError(
                f"address is {shown(value)}, whose path has {size} bytes, expected at most {_LONGEST_SOCKET}"
            )
        return value, True
    host, separator, port = value.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not separator or not re.fullmatch(r"[^\s:/\[\]\x00]+", host) and not bracketed:
        refuse()
    # str.isdigit() takes other digits than these.
    if not re.fullmatch(r"[0-9]+", port):
        refuse()
    if len(port) > 5 or not 1 <= int(port) <= _MOST_PORT:
        raise ValueError(f"address is {shown(value)}, {expected} with a port from 1 to {_MOST_PORT}")
    if bracketed:
        try:
            return value, ipaddress.IPv6Address(host[1:-1].partition("%")[0]).is_loopback
        except ValueError:
            refuse()
    try:
        return value, host == "localhost" or ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return value, False


def checked_token(value: Any) -> str:
    """Never shown: it is a secret."""
    if not isinstance(value, str):
        raise TypeError(f"token is of type {type(value).__name__}, expected a text (str)")
    if not re.fullmatch(r"[\x20-\x7e]+", value):
        raise ValueError("token is empty or holds other characters than printable ASCII, expected the server's token")
    return value


def _holds_others(values: Any) -> bool:
    """Whether numpy would read something that is no real number as one."""
    if isinstance(values, np.ndarray):
        return values.dtype.kind not in "biufO" or (values.dtype.kind == "O" and _holds_others(values.tolist()))
    if isinstance(values, (list, tuple)):
        return any(_holds_others(one) for one in values)
    return isinstance(values, (str, bytes, bytearray, complex, np.generic)) and not isinstance(
        values, (np.bool_, np.integer, np.floating)
    )
