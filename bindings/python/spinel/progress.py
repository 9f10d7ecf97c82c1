"""Progress of long loops: a bar on a terminal and in a notebook, plain lines elsewhere."""
from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar('T')


def _notebook() -> Callable[[str], None] | None:
    """What replaces the text of one output cell, in a notebook."""
    ipython = sys.modules.get('IPython')
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or type(shell).__name__ != 'ZMQInteractiveShell':
        return None
    from IPython.display import display
    handle: Any = display({'text/plain': ''}, raw=True, display_id=True)

    def replace(line: str) -> None:
        handle.update({'text/plain': line}, raw=True)
    return replace


class Progress:
    """Shows how far a loop is, with its rate and the time that is left, on stderr or in a notebook's cell."""

    def __init__(self, total: int, unit: str = 'images') -> None:
        self.total, self.unit, self.done = total, unit, 0
        self._start = time.monotonic()
        self._replace = _notebook()
        self._live = self._replace is not None or sys.stderr.isatty()
        self._shown = 0.0 if self._live else self._start
        self._drawn = False

    def update(self, done: int) -> None:
        self.done = done
        now = time.monotonic()
        last = done >= self.total
        if now - self._shown < (0.1 if self._live else 10.0) and not last:
            return
        self._shown = now
        seconds = max(now - self._start, 1e-9)
        rate = done / seconds
        left = (self.total - done) / rate if rate > 0 else 0.0
        line = f'{done}/{self.total} {self.unit}, {rate:.1f} {self.unit}/s, {left:.0f} s left'
        if self._live:
            filled = 30 * done // self.total if self.total else 30
            line = f'[{"#" * filled}{"." * (30 - filled)}] {line}'
        if self._replace is not None:
            self._replace(line)
        elif self._live:
            sys.stderr.write(f'\r\033[K{line}')
            self._drawn = True
        else:
            sys.stderr.write(f'{line}\n')
        sys.stderr.flush()

    def close(self) -> None:
        """Clears the terminal's line."""
        if self._drawn:
            sys.stderr.write('\r\033[K')
            sys.stderr.flush()
        self._drawn = False


def track(items: Iterable[T], total: int | None = None, unit: str = 'batches') -> Iterator[T]:
    """Iterates and shows progress: `for batch in track(loader): ...`"""
    progress = Progress(len(items) if total is None else total, unit)  # type: ignore[arg-type]
    try:
        for done, item in enumerate(items, 1):
            yield item
            progress.update(done)
    finally:
        progress.close()
