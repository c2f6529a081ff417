// Draws fills, patterns and point shapes of maps/palette.py on a canvas.
(function (Jingtu) {
  'use strict';

  const SIZE = 16;
  const kept = {};

  function channel(colour, alpha) {
    const rgb = [1, 3, 5].map(function (i) { return parseInt(colour.substr(i, 2), 16); });
    return 'rgba(' + rgb.join(',') + ',' + alpha + ')';
  }

  function lines(g, pairs) {
    g.beginPath();
    pairs.forEach(function (p) {
      g.moveTo(p[0], p[1]);
      g.lineTo(p[2], p[3]);
    });
    g.stroke();
  }

  // Each fills a square of SIZE that repeats without a seam.
  const PATTERNS = {
    plain: function () {},
    rising: function (g) {
      lines(g, [[-4, 4, 4, -4], [-4, 12, 12, -4], [-4, 20, 20, -4], [4, 20, 20, 4],
        [12, 20, 20, 12]]);
    },
    falling: function (g) {
      lines(g, [[-4, 12, 4, 20], [-4, 4, 12, 20], [-4, -4, 20, 20], [4, -4, 20, 12],
        [12, -4, 20, 4]]);
    },
    crossed: function (g) {
      lines(g, [[-4, 12, 12, -4], [4, 20, 20, 4], [-4, 4, 12, 20], [4, -4, 20, 12]]);
    },
    level: function (g) { lines(g, [[0, 4, SIZE, 4], [0, 12, SIZE, 12]]); },
    upright: function (g) { lines(g, [[4, 0, 4, SIZE], [12, 0, 12, SIZE]]); },
    grid: function (g) {
      lines(g, [[0, 4, SIZE, 4], [0, 12, SIZE, 12], [4, 0, 4, SIZE], [12, 0, 12, SIZE]]);
    },
    dotted: function (g) {
      [[4, 4], [12, 12], [12, 4], [4, 12]].forEach(function (at) {
        g.beginPath();
        g.arc(at[0], at[1], 1.5, 0, 7);
        g.fill();
      });
    }
  };

  // Outlines of points around 0, 0 in a circle of 1.
  function regular(corners, turn) {
    const points = [];
    for (let i = 0; i < corners; i++) {
      const angle = turn + 2 * Math.PI * i / corners;
      points.push([Math.cos(angle), Math.sin(angle)]);
    }
    return points;
  }

  const UP = -Math.PI / 2;
  const SHAPES = {
    square: regular(4, Math.PI / 4),
    triangle: regular(3, UP),
    wedge: regular(3, -UP),
    diamond: regular(4, UP),
    hexagon: regular(6, UP),
    star: regular(10, UP).map(function (p, i) {
      return i % 2 ? [p[0] * 0.45, p[1] * 0.45] : [p[0] * 1.15, p[1] * 1.15];
    }),
    cross: [[-0.35, -1], [0.35, -1], [0.35, -0.35], [1, -0.35], [1, 0.35], [0.35, 0.35], [0.35, 1],
      [-0.35, 1], [-0.35, 0.35], [-1, 0.35], [-1, -0.35], [-0.35, -0.35]]
  };

  Jingtu.colour = channel;

  // A fill for `g`, whose scale is `ratio` pixels of the screen to one of the page.
  Jingtu.fill = function (g, mark, ratio, alpha) {
    if (mark.pattern === 'plain') return channel(mark.colour, alpha);
    const name = [mark.colour, mark.pattern, ratio, alpha].join();
    if (!kept[name]) {
      const canvas = document.createElement('canvas');
      canvas.width = canvas.height = Math.round(SIZE * ratio);
      const c = canvas.getContext('2d');
      c.scale(canvas.width / SIZE, canvas.width / SIZE);
      c.fillStyle = channel(mark.colour, alpha);
      c.fillRect(0, 0, SIZE, SIZE);
      c.strokeStyle = c.fillStyle = channel(mark.edge, 0.85);
      c.lineWidth = 1.3;
      PATTERNS[mark.pattern](c);
      kept[name] = canvas;
    }
    const pattern = g.createPattern(kept[name], 'repeat');
    if (pattern.setTransform && typeof DOMMatrix !== 'undefined') {
      pattern.setTransform(new DOMMatrix().scale(SIZE / kept[name].width));
    }
    return pattern;
  };

  Jingtu.symbol = function (g, mark, x, y, radius) {
    const shape = SHAPES[mark.symbol];
    g.beginPath();
    if (!shape) g.arc(x, y, radius, 0, 7);
    else {
      shape.forEach(function (p, i) {
        g[i ? 'lineTo' : 'moveTo'](x + p[0] * radius * 1.12, y + p[1] * radius * 1.12);
      });
      g.closePath();
    }
    g.lineJoin = 'round';
    g.lineWidth = 3.4;
    g.strokeStyle = 'rgba(255,255,255,.95)';
    g.stroke();
    g.fillStyle = mark.colour;
    g.fill();
    g.lineWidth = 1.4;
    g.strokeStyle = mark.edge;
    g.stroke();
  };

  // A small canvas for a legend: an area, a point, or both.
  Jingtu.swatch = function (mark, areas, points) {
    const canvas = document.createElement('canvas');
    const ratio = Math.max(2, window.devicePixelRatio || 1);
    const width = areas && points ? 46 : 26, height = 18;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    canvas.style.width = width + 'px';
    canvas.style.height = height + 'px';
    canvas.className = 'jt-swatch';
    canvas.setAttribute('aria-hidden', 'true');
    const g = canvas.getContext('2d');
    g.scale(ratio, ratio);
    if (areas || !points) {
      g.fillStyle = Jingtu.fill(g, mark, ratio, 0.72);
      g.fillRect(1, 1, 24, 16);
      g.strokeStyle = mark.edge;
      g.lineWidth = 1.4;
      g.strokeRect(1, 1, 24, 16);
    }
    if (points) Jingtu.symbol(g, mark, areas ? 37 : 13, 9, 5.5);
    return canvas;
  };
})(window.Jingtu = window.Jingtu || {});
