"""One value, many controls: an attribute that announces its changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

from PySide6.QtCore import QObject

T = TypeVar("T")


class Observed(Generic[T]):
    """A QObject's attribute; assigning a different value emits the signal named ``signal``.

    ``clean`` brings what is assigned into range (and may raise). The signal is sent after
    the value is stored, once, and not at all if the cleaned value equals the stored one.
    ``carries_value`` says whether the signal has the new value as its argument.
    """

    def __init__(
        self,
        default: T,
        signal: str,
        clean: Callable[[T], T] | None = None,
        *,
        carries_value: bool = False,
    ) -> None:
        self._default = default
        self._signal = signal
        self._clean = clean
        self._carries_value = carries_value

    def __set_name__(self, owner: type, name: str) -> None:
        self._slot = f"_observed_{name}"

    @overload
    def __get__(self, instance: None, owner: type) -> Observed[T]: ...

    @overload
    def __get__(self, instance: QObject, owner: type) -> T: ...

    def __get__(self, instance: QObject | None, owner: type) -> T | Observed[T]:
        if instance is None:
            return self
        value: T = instance.__dict__.get(self._slot, self._default)
        return value

    def __set__(self, instance: QObject, value: T) -> None:
        if self._clean is not None:
            value = self._clean(value)
        if value == self.__get__(instance, type(instance)):
            return
        instance.__dict__[self._slot] = value
        signal: Any = getattr(instance, self._signal)
        if self._carries_value:
            signal.emit(value)
        else:
            signal.emit()


def clamped(low: float, high: float) -> Callable[[float], float]:
    """A cleaner that brings a number into ``[low, high]``."""
    return lambda value: min(max(float(value), low), high)
