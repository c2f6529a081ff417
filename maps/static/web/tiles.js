// One layer of the register as tiles of canvas, drawn from vector tiles of any day.
(function (Jingtu) {
  'use strict';

  const SIDE = 256, UNITS = 4096, RADIUS = 5.5;

  Jingtu.TileLayer = L.GridLayer.extend({
    options: { tileSize: SIDE, keepBuffer: 2, noWrap: true, pane: 'parcels', maxZoom: 19,
      className: 'jt-tile', updateWhenZooming: false },

    // `address` gives the address of a tile for its coordinates.
    initialize: function (layer, address) {
      L.GridLayer.prototype.initialize.call(this, {});
      this._layer = layer;
      this._address = address;
    },

    createTile: function (coords, done) {
      const canvas = L.DomUtil.create('canvas');
      const ratio = Math.max(1, window.devicePixelRatio || 1);
      canvas.width = canvas.height = Math.round(SIDE * ratio);
      this._load(canvas, coords).then(function () { done(null, canvas); }, function (fault) {
        done(fault, canvas);
      });
      return canvas;
    },

    // Asks for every tile on the screen again and changes each when it has come: nothing blinks.
    again: function () {
      const all = Object.values(this._tiles || {}).map(function (tile) {
        return this._load(tile.el, tile.coords);
      }, this);
      return Promise.all(all).catch(function () {});
    },

    _load: function (canvas, coords) {
      const layer = this._layer, turn = canvas.turn = (canvas.turn || 0) + 1;
      return fetch(this._address(coords)).then(function (answer) {
        if (answer.status === 204) return new ArrayBuffer(0);
        if (!answer.ok) throw new Error(String(answer.status));
        return answer.arrayBuffer();
      }).then(function (content) {
        // An answer that was overtaken by a later question is not drawn.
        if (turn === canvas.turn) paint(canvas, layer, Jingtu.readTile(new Uint8Array(content)));
      });
    }
  });

  function byStage(features) {
    const sorted = new Map();
    (features || []).forEach(function (one) {
      if (!sorted.has(one.stage)) sorted.set(one.stage, []);
      sorted.get(one.stage).push(one);
    });
    return sorted;
  }

  function outline(g, features, scale) {
    g.beginPath();
    features.forEach(function (one) {
      one.rings.forEach(function (ring) {
        g.moveTo(ring[0] * scale, ring[1] * scale);
        for (let i = 2; i < ring.length; i += 2) g.lineTo(ring[i] * scale, ring[i + 1] * scale);
        g.closePath();
      });
    });
  }

  function paint(canvas, layer, read) {
    const g = canvas.getContext('2d'), ratio = canvas.width / SIDE, scale = SIDE / UNITS;
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.clearRect(0, 0, canvas.width, canvas.height);
    g.scale(ratio, ratio);
    byStage(read.cells).forEach(function (features, stage) {
      g.fillStyle = Jingtu.colour(layer.marks[stage].colour, 0.85);
      outline(g, features, scale);
      g.fill();
    });
    byStage(read.parcels).forEach(function (features, stage) {
      const mark = layer.marks[stage];
      g.fillStyle = Jingtu.fill(g, mark, ratio, 0.72);
      g.strokeStyle = mark.edge;
      g.lineWidth = 1.1;
      outline(g, features, scale);
      g.fill('evenodd');
      g.stroke();
    });
    byStage(read.points).forEach(function (features, stage) {
      features.forEach(function (one) {
        const at = one.rings[0];
        Jingtu.symbol(g, layer.marks[stage], at[0] * scale, at[1] * scale, RADIUS);
      });
    });
  }
})(window.Jingtu = window.Jingtu || {});
