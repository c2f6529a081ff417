// The parcels of all layers as tiles of canvas: only what is in view is drawn.
(function (Jingtu) {
  'use strict';

  const POLYGON = 1;
  const TILE = 256;
  const MARGIN = 10;

  Jingtu.ParcelGrid = L.GridLayer.extend({
    options: { tileSize: TILE, keepBuffer: 1, noWrap: true, pane: 'parcels', className: 'jt-tile' },

    // `state.layers` says which parcels are shown and how.
    initialize: function (state) {
      L.GridLayer.prototype.initialize.call(this, {});
      this._state = state;
    },

    createTile: function (coords) {
      const ratio = window.devicePixelRatio || 1;
      const canvas = L.DomUtil.create('canvas');
      canvas.width = canvas.height = Math.round(TILE * ratio);
      this._paint(canvas, coords);
      return canvas;
    },

    // Draws again what is on the screen, without taking it away first.
    repaint: function () {
      Object.keys(this._tiles || {}).forEach(function (key) {
        this._paint(this._tiles[key].el, this._tiles[key].coords);
      }, this);
    },

    _paint: function (canvas, coords) {
      const g = canvas.getContext('2d');
      const ratio = canvas.width / TILE;
      g.setTransform(1, 0, 0, 1, 0, 0);
      g.clearRect(0, 0, canvas.width, canvas.height);
      g.scale(ratio, ratio);
      const metres = Jingtu.WORLD / TILE / Math.pow(2, coords.z);
      const west = coords.x * TILE * metres - Jingtu.WORLD / 2;
      const north = Jingtu.WORLD / 2 - coords.y * TILE * metres;
      const views = this._state.layers.filter(function (layer) {
        return layer.on && layer.boundaries;
      }).map(function (layer) {
        return find(layer, metres, west, north, coords.z);
      });
      views.forEach(function (view) { drawAreas(g, view, ratio); });
      views.forEach(function (view) { drawPoints(g, view); });
    }
  });

  // The shown parcels of a layer that meet a tile, by stage, and how to place them.
  function find(layer, metres, west, north, zoom) {
    const b = layer.boundaries;
    const scale = b.step / metres;
    const left = (b.origin[0] - west) / metres, top = (north - b.origin[1]) / metres;
    const areas = layer.marks.map(function () { return []; });
    const points = layer.marks.map(function () { return []; });
    b.query((-MARGIN - left) / scale, (top - TILE - MARGIN) / scale,
      (TILE + MARGIN - left) / scale, (top + MARGIN) / scale, function (i) {
        if (!layer.shows(i)) return;
        (b.kinds[i] === POLYGON ? areas : points)[b.tags.stages[i]].push(i);
      });
    return { layer: layer, b: b, scale: scale, left: left, top: top, areas: areas, points: points,
      zoom: zoom };
  }

  function drawAreas(g, view, ratio) {
    const b = view.b;
    view.areas.forEach(function (parcels, stage) {
      if (!parcels.length) return;
      const mark = view.layer.marks[stage];
      const patterned = Jingtu.fill(g, mark, ratio, 0.6);
      const flat = Jingtu.colour(mark.colour, 0.85);
      const outlined = [];
      g.fillStyle = flat;
      parcels.forEach(function (i) {
        const box = i * 4;
        const width = (b.boxes[box + 2] - b.boxes[box]) * view.scale;
        const height = (b.boxes[box + 3] - b.boxes[box + 1]) * view.scale;
        const size = Math.max(width, height);
        if (size < 3) {
          g.fillStyle = mark.edge;
          g.fillRect(view.left + b.boxes[box] * view.scale - 0.5,
            view.top - b.boxes[box + 3] * view.scale - 0.5,
            Math.max(width, 2) + 0.5, Math.max(height, 2) + 0.5);
          return;
        }
        g.fillStyle = size < 14 ? flat : patterned;
        g.beginPath();
        trace(g, view, i);
        g.fill('evenodd');
        outlined.push(i);
      });
      g.beginPath();
      outlined.forEach(function (i) { trace(g, view, i); });
      g.strokeStyle = mark.edge;
      g.lineWidth = view.zoom < 13 ? 0.8 : 1.4;
      g.lineJoin = 'round';
      g.stroke();
    });
  }

  // Vertices nearer than half a pixel to the one before are not seen.
  function trace(g, view, i) {
    const b = view.b, scale = view.scale, left = view.left, top = view.top;
    for (let r = b.ringOf[i]; r < b.ringOf[i + 1]; r++) {
      const from = b.vertexOf[r], to = b.vertexOf[r + 1];
      let x = left + b.x[from] * scale, y = top - b.y[from] * scale;
      g.moveTo(x, y);
      for (let v = from + 1; v < to; v++) {
        const nx = left + b.x[v] * scale, ny = top - b.y[v] * scale;
        if (Math.abs(nx - x) + Math.abs(ny - y) < 0.5) continue;
        g.lineTo(nx, ny);
        x = nx;
        y = ny;
      }
      g.closePath();
    }
  }

  function drawPoints(g, view) {
    const b = view.b;
    const radius = Jingtu.radius(view.zoom);
    view.points.forEach(function (parcels, stage) {
      parcels.forEach(function (i) {
        Jingtu.symbol(g, view.layer.marks[stage], view.left + b.boxes[i * 4] * view.scale,
          view.top - b.boxes[i * 4 + 1] * view.scale, radius);
      });
    });
  }

  Jingtu.radius = function (zoom) {
    return zoom < 10 ? 3 : zoom < 13 ? 4.2 : 6;
  };
})(window.Jingtu = window.Jingtu || {});
