"""While something is dragged over the workspace: what dropping it would do, in big areas."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QFont, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app.ui.canvas.drops import Drop, Use
from app.ui.look import theme
from app.ui.look.icons import paint_glyph

_TITLES = {
    Use.STYLE: ("Use as style", "The scene takes on its light and colours."),
    Use.OPEN: ("Open as label map", "The map becomes the scene."),
    Use.SCENE: ("Turn into a scene", "A new scene, laid out like the photo."),
    Use.TRAIN: ("Train on these pictures", "Their classes become brushes; first they are checked."),
}
_PROJECT = ("Open project", "It becomes the scene you paint on.")
_GLYPHS = {
    Use.STYLE: "palette-swatch-outline",
    Use.OPEN: "layers-outline",
    Use.SCENE: "image-auto-adjust",
    Use.TRAIN: "school-outline",
}
_GAP = 16
_ICON = 40


class DropTargets(QWidget):
    """Covers its parent while a drag is over it, which also receives the drag's events."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName("Drop targets")
        self._drop = Drop()
        self._hot: Use | None = None
        self.hide()
        parent.installEventFilter(self)

    def begin(self, drop: Drop) -> None:
        """Show the targets for ``drop``, or why it is refused."""
        self._drop, self._hot = drop, None
        self.setGeometry(self.parentWidget().rect())
        self.raise_()
        self.show()
        self.update()

    def end(self) -> None:
        """Take them away."""
        self.hide()

    def areas(self) -> dict[Use, QRect]:
        """Where each target is; together they fill the parent. Side by side, or stacked."""
        width, height, count = self.width(), self.height(), len(self._drop.uses)
        found = {}
        for index, use in enumerate(self._drop.uses):
            if width >= height:
                left, right = width * index // count, width * (index + 1) // count
                found[use] = QRect(left, 0, right - left, height)
            else:
                top, bottom = height * index // count, height * (index + 1) // count
                found[use] = QRect(0, top, width, bottom - top)
        return found

    def use_at(self, position: QPointF) -> Use | None:
        """What a drop at ``position`` would do."""
        for use, area in self.areas().items():
            if area.contains(position.toPoint()):
                return use
        return None

    def point_at(self, position: QPointF) -> None:
        """Light up the target under the pointer."""
        hot = self.use_at(position)
        if hot != self._hot:
            self._hot = hot
            self.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self.setGeometry(self.parentWidget().rect())
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), theme.color(theme.tokens().backdrop, 0.55))
        if not self._drop.uses:
            headline, _, rest = self._drop.refusal.partition("\n")
            self._paint_target(painter, self.rect(), "cancel", headline, rest, hot=False)
        for use, area in self.areas().items():
            is_project = use is Use.OPEN and len(self._drop.uses) == 1
            title, rest = _PROJECT if is_project else _TITLES[use]
            self._paint_target(painter, area, _GLYPHS[use], title, rest, hot=use is self._hot)

    def _paint_target(
        self, painter: QPainter, area: QRect, glyph: str, title: str, rest: str, *, hot: bool
    ) -> None:
        t = theme.tokens()
        refused = not self._drop.uses
        # Half a gap around each target and the whole, so that all gaps are the same.
        box = QRectF(area).adjusted(_GAP / 2, _GAP / 2, -_GAP / 2, -_GAP / 2)
        box &= QRectF(self.rect()).adjusted(_GAP, _GAP, -_GAP, -_GAP)
        pen = QPen(theme.color(t.accent if hot else t.danger if refused else t.border_strong), 2)
        pen.setStyle(Qt.PenStyle.SolidLine if hot else Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.setBrush(theme.color(t.selection if hot else t.window, 0.86))
        painter.drawRoundedRect(box, t.radius_large, t.radius_large)
        lines = box.adjusted(_GAP, 0, -_GAP, 0)
        wrap = Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap
        title_font, rest_font = QFont(self.font()), QFont(self.font())
        title_font.setPixelSize(t.font_title)
        title_font.setWeight(QFont.Weight.DemiBold)
        rest_font.setPixelSize(t.font)
        painter.setFont(title_font)
        title_height = painter.boundingRect(lines, wrap, title).height()
        painter.setFont(rest_font)
        rest_height = painter.boundingRect(lines, wrap, rest).height()
        top = box.center().y() - (_ICON + 12 + title_height + 6 + rest_height) / 2
        icon = QRectF(box.center().x() - _ICON / 2, top, _ICON, _ICON)
        paint_glyph(painter, icon, glyph, t.danger if refused else t.accent)
        top += _ICON + 12
        painter.setFont(title_font)
        painter.setPen(theme.color(t.on_selection if hot else t.text))
        painter.drawText(QRectF(lines.x(), top, lines.width(), title_height), wrap, title)
        painter.setFont(rest_font)
        painter.setPen(theme.color(t.on_selection if hot else t.text_muted))
        top += title_height + 6
        painter.drawText(QRectF(lines.x(), top, lines.width(), rest_height), wrap, rest)
