"""Messages that don't stop the work: a strip over the workspace's upper edge.

It lies over the workspace and not above it, so that the canvas doesn't move under the pen.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from app.ui.look import theme
from app.ui.look.icons import icon

INFO_SECONDS = 8


class Banner(QWidget):
    """Hidden until ``show_error`` or ``show_info``; errors stay until closed or replaced.

    ``host`` is the widget whose upper edge it covers.
    """

    def __init__(self, host: QWidget) -> None:
        super().__init__(host)
        self._host = host
        self._is_error = False
        self._action: Callable[[], object] | None = None
        self.icon = QLabel()
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.button = QPushButton()
        self.button.clicked.connect(self._run_action)
        self.close_button = QToolButton()
        self.close_button.setAutoRaise(True)
        self.close_button.setToolTip("Close this message")
        self.close_button.setAccessibleName("Close this message")
        self.close_button.clicked.connect(self.dismiss)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 8, 8, 8)
        layout.setSpacing(10)
        layout.addWidget(self.icon)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.button)
        layout.addWidget(self.close_button)
        self._timer = QTimer(self, singleShot=True, interval=INFO_SECONDS * 1000)
        self._timer.timeout.connect(self.dismiss)
        theme.notifier().changed.connect(self._refresh_icons)
        host.installEventFilter(self)
        self.hide()

    @property
    def is_error(self) -> bool:
        """True if what is shown is an error."""
        return self._is_error

    def show_error(
        self, text: str, button: str = "", action: Callable[[], object] | None = None
    ) -> None:
        """Show ``text`` until it is closed; ``button`` runs ``action`` and closes it."""
        self._show(text, True, button, action)

    def show_info(
        self, text: str, button: str = "", action: Callable[[], object] | None = None
    ) -> None:
        """Show ``text`` for some seconds; an error that stands is not replaced."""
        if self._is_error and not self.isHidden():
            return
        self._show(text, False, button, action)
        if not button:
            self._timer.start()

    def dismiss(self) -> None:
        """Take the message away."""
        self._timer.stop()
        self._action = None
        self._is_error = False
        self.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._host and event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    def paintEvent(self, event: QPaintEvent) -> None:
        t = theme.tokens()
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.color(t.raised))
        painter.fillRect(0, 0, 4, self.height(), theme.color(getattr(t, self._role())))
        painter.setPen(QPen(theme.color(t.border)))
        painter.drawLine(0, self.height() - 1, self.width(), self.height() - 1)

    def _show(
        self, text: str, error: bool, button: str, action: Callable[[], object] | None
    ) -> None:
        self._timer.stop()
        self._is_error = error
        self._action = action
        self.text.setText(text)
        self.setAccessibleName(text)
        self.button.setText(button)
        self.button.setVisible(bool(button))
        self._refresh_icons()
        self.show()
        self._place()

    def _place(self) -> None:
        width = self._host.width()
        height = max(self.layout().totalHeightForWidth(width), self.minimumSizeHint().height())
        self.setGeometry(0, 0, width, height)
        self.raise_()

    def _role(self) -> str:
        return "danger" if self._is_error else "accent"

    def _refresh_icons(self) -> None:
        name = "alert-circle-outline" if self._is_error else "information-outline"
        size = theme.tokens().icon
        self.icon.setPixmap(icon(name, self._role()).pixmap(size, size))
        self.close_button.setIcon(icon("close"))
        self.update()

    def _run_action(self) -> None:
        action = self._action
        self.dismiss()
        if action is not None:
            action()
