// Marks of a finding: a form and a colour for each severity, in the list and on the map.
(function (Jingtu) {
  'use strict';

  const SVG = 'http://www.w3.org/2000/svg';
  const FORMS = {
    diamond: [[0, -1.15], [1.15, 0], [0, 1.15], [-1.15, 0]],
    triangle: [[0, -1.1], [1.1, 0.85], [-1.1, 0.85]]
  };

  Jingtu.mark = function (look) {
    const made = document.createElementNS(SVG, 'svg');
    const form = FORMS[look.form];
    const shape = document.createElementNS(SVG, form ? 'polygon' : 'circle');
    made.setAttribute('viewBox', '-1.4 -1.4 2.8 2.8');
    made.setAttribute('class', 'jr-mark');
    made.setAttribute('aria-hidden', 'true');
    if (form) shape.setAttribute('points', form.join(' '));
    else shape.setAttribute('r', '1');
    shape.setAttribute('fill', look.colour);
    made.appendChild(shape);
    return made;
  };

  // A point on a canvas in the form of its severity.
  Jingtu.FaultMark = L.CircleMarker.extend({
    _updatePath: function () {
      const form = FORMS[this.options.form], renderer = this._renderer;
      if (!form) {
        renderer._updateCircle(this);
        return;
      }
      if (!renderer._drawing || this._empty()) return;
      const at = this._point, size = this._radius, pen = renderer._ctx;
      pen.beginPath();
      form.forEach(function (corner, n) {
        pen[n ? 'lineTo' : 'moveTo'](at.x + corner[0] * size, at.y + corner[1] * size);
      });
      pen.closePath();
      renderer._fillStroke(pen, this);
    }
  });
})(window.Jingtu = window.Jingtu || {});
