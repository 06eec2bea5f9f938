"""Undo and redo, bounded by bytes."""

from __future__ import annotations

from typing import Protocol

DEFAULT_BYTES = 256 * 1024 * 1024
DEFAULT_DEPTH = 200


class Command(Protocol):
    """One undoable edit. ``undo`` and ``redo`` are called in strict turn."""

    @property
    def text(self) -> str:
        """What was done, for the menu ("Paint", "Fill")."""

    @property
    def nbytes(self) -> int:
        """Memory the command holds."""

    def undo(self) -> None:
        """Take the edit back."""

    def redo(self) -> None:
        """Make the edit again."""


class History:
    """A line of commands and a place on it.

    The commands together never hold more than ``max_bytes``: when a new one goes over, the
    oldest are dropped, and only a single command larger than the whole bound is kept all the
    same (what was just done can always be undone). So the depth is what the bytes allow.
    ``min_depth`` commands are certain as long as they hold no more than ``ordinary_bytes``
    (1.3 MB by default) on average. A painter's edit of a 2048 x 2048 canvas compresses to a
    few kilobytes and at worst some hundred, so 200 undos are sure in practice; edits that
    don't compress (a whole canvas of noise) get fewer.

    ``push`` does not run the command: its edit has just been made.
    """

    def __init__(self, max_bytes: int = DEFAULT_BYTES, min_depth: int = DEFAULT_DEPTH) -> None:
        if max_bytes < min_depth or min_depth < 1:
            raise ValueError(f"no history of {min_depth} commands in {max_bytes} bytes")
        self._max_bytes = max_bytes
        self._min_depth = min_depth
        self._commands: list[Command] = []
        self._done = 0
        self._bytes = 0
        self._clean: int | None = 0

    @property
    def ordinary_bytes(self) -> int:
        """Commands of up to this size are kept at least ``min_depth`` deep."""
        return self._max_bytes // self._min_depth

    @property
    def nbytes(self) -> int:
        """Memory held by all commands, done and undone."""
        return self._bytes

    @property
    def depth(self) -> int:
        """How many commands can be undone."""
        return self._done

    @property
    def can_undo(self) -> bool:
        """True if there is a command to take back."""
        return self._done > 0

    @property
    def can_redo(self) -> bool:
        """True if there is a command to make again."""
        return self._done < len(self._commands)

    @property
    def undo_text(self) -> str:
        """What ``undo`` would take back; "" if nothing."""
        return self._commands[self._done - 1].text if self.can_undo else ""

    @property
    def redo_text(self) -> str:
        """What ``redo`` would make again; "" if nothing."""
        return self._commands[self._done].text if self.can_redo else ""

    @property
    def last(self) -> Command | None:
        """The command that ``undo`` would take back."""
        return self._commands[self._done - 1] if self.can_undo else None

    def push(self, command: Command) -> None:
        """Put an edit that has just been made on the line; what was undone is forgotten."""
        self._forget_undone()
        self._commands.append(command)
        self._bytes += command.nbytes
        self._done += 1
        self._drop_oldest()

    def replace_last(self, command: Command) -> None:
        """Put ``command`` in the place of ``last``, whose edit it includes.

        So a slider's drag becomes one command. IndexError if there is nothing to replace.
        """
        if not self.can_undo:
            raise IndexError("no command to replace")
        self._forget_undone()
        if self._clean == self._done:
            self._clean = None
        self._bytes += command.nbytes - self._commands[-1].nbytes
        self._commands[-1] = command
        self._drop_oldest()

    def undo(self) -> Command | None:
        """Take the last command back and return it; None if there is none."""
        if not self.can_undo:
            return None
        command = self._commands[self._done - 1]
        command.undo()
        self._done -= 1
        return command

    def redo(self) -> Command | None:
        """Make the next command again and return it; None if there is none."""
        if not self.can_redo:
            return None
        command = self._commands[self._done]
        command.redo()
        self._done += 1
        return command

    def mark_clean(self) -> None:
        """The state now is the saved one."""
        self._clean = self._done

    def mark_dirty(self) -> None:
        """No state on this line is the saved one (recovered after a crash, say)."""
        self._clean = None

    @property
    def is_clean(self) -> bool:
        """True if the state now is the one marked clean (at first, the empty line's)."""
        return self._clean == self._done

    def clear(self) -> None:
        """Forget every command; the state now counts as clean."""
        self._commands.clear()
        self._done = self._bytes = 0
        self._clean = 0

    def _forget_undone(self) -> None:
        if self._clean is not None and self._clean > self._done:
            self._clean = None
        self._bytes -= sum(command.nbytes for command in self._commands[self._done :])
        del self._commands[self._done :]

    def _drop_oldest(self) -> None:
        dropped = 0
        while self._bytes > self._max_bytes and dropped < self._done - 1:
            self._bytes -= self._commands[dropped].nbytes
            dropped += 1
        del self._commands[:dropped]
        self._done -= dropped
        if self._clean is not None:
            self._clean = self._clean - dropped if self._clean >= dropped else None
