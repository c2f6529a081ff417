// The boundaries of one layer on its grid: which lie in a box, which lie under the pointer.
(function (Jingtu) {
  'use strict';

  const POLYGON = 1, POINT = 2, FAN = 16;
  const RADIUS = 6378137;

  Jingtu.WORLD = 2 * Math.PI * RADIUS;

  function sum(numbers) {
    let total = 0;
    for (let i = 0; i < numbers.length; i++) total += numbers[i];
    return total;
  }

  // `packed` is Packed of maps/encoding.py without its content; `bytes` is the content, opened.
  function Boundaries(packed, bytes) {
    this.count = packed.count;
    this.origin = packed.origin;
    this.step = packed.step;
    this.tags = {};
    const places = {};
    let place = 0;
    packed.streams.forEach(function (stream) {
      places[stream[0]] = place;
      if (['rings', 'vertices', 'starts', 'steps', 'points'].indexOf(stream[0]) < 0) {
        this.tags[stream[0]] = bytes.subarray(place, place + stream[1]);
      }
      place += stream[1];
    }, this);
    this.kinds = this.tags.kinds;
    this._readRings(bytes, places);
    this._readVertices(bytes, places);
    this._bound(bytes, places);
    this._index();
  }

  Boundaries.prototype = {
    _readRings: function (bytes, places) {
      let polygons = 0;
      for (let i = 0; i < this.count; i++) if (this.kinds[i] === POLYGON) polygons++;
      const rings = new Int32Array(polygons);
      Jingtu.readVarints(bytes, places.rings, rings);
      this.ringOf = new Int32Array(this.count + 1);
      for (let i = 0, p = 0; i < this.count; i++) {
        this.ringOf[i + 1] = this.ringOf[i] + (this.kinds[i] === POLYGON ? rings[p++] : 0);
      }
    },

    _readVertices: function (bytes, places) {
      const rings = this.ringOf[this.count];
      const counts = new Int32Array(rings);
      Jingtu.readVarints(bytes, places.vertices, counts);
      const total = sum(counts);
      const starts = new Int32Array(rings * 2), steps = new Int32Array((total - rings) * 2);
      Jingtu.readSigned(bytes, places.starts, starts);
      Jingtu.readSigned(bytes, places.steps, steps);
      this.vertexOf = new Int32Array(rings + 1);
      this.x = new Int32Array(total);
      this.y = new Int32Array(total);
      let startX = 0, startY = 0, at = 0, s = 0;
      for (let r = 0; r < rings; r++) {
        let x = startX += starts[2 * r], y = startY += starts[2 * r + 1];
        this.x[at] = x;
        this.y[at++] = y;
        for (let v = 1; v < counts[r]; v++) {
          x += steps[s++];
          y += steps[s++];
          this.x[at] = x;
          this.y[at++] = y;
        }
        this.vertexOf[r + 1] = at;
      }
    },

    // Smallest boxes: west, south, east, north of each parcel; an empty one without a boundary.
    _bound: function (bytes, places) {
      const boxes = this.boxes = new Int32Array(this.count * 4);
      let points = 0;
      for (let i = 0; i < this.count; i++) if (this.kinds[i] === POINT) points++;
      const steps = new Int32Array(points * 2);
      Jingtu.readSigned(bytes, places.points, steps);
      let px = 0, py = 0, p = 0;
      for (let i = 0; i < this.count; i++) {
        let west = 0x7fffffff, south = 0x7fffffff, east = -0x7fffffff, north = -0x7fffffff;
        if (this.kinds[i] === POINT) {
          west = east = px += steps[p++];
          south = north = py += steps[p++];
        }
        const end = this.vertexOf[this.ringOf[i + 1]];
        for (let v = this.vertexOf[this.ringOf[i]]; v < end; v++) {
          const x = this.x[v], y = this.y[v];
          if (x < west) west = x;
          if (x > east) east = x;
          if (y < south) south = y;
          if (y > north) north = y;
        }
        boxes.set([west, south, east, north], i * 4);
      }
    },

    // Parcels arrive with neighbours together, so that boxes of sixteen in a row stay small.
    _index: function () {
      this.levels = [];
      for (let below = this.boxes; below.length > 4 * FAN;) {
        const many = Math.ceil(below.length / 4 / FAN), level = new Int32Array(many * 4);
        for (let i = 0; i < many; i++) {
          const box = [0x7fffffff, 0x7fffffff, -0x7fffffff, -0x7fffffff];
          for (let b = i * FAN * 4; b < Math.min((i + 1) * FAN * 4, below.length); b += 4) {
            if (below[b] < box[0]) box[0] = below[b];
            if (below[b + 1] < box[1]) box[1] = below[b + 1];
            if (below[b + 2] > box[2]) box[2] = below[b + 2];
            if (below[b + 3] > box[3]) box[3] = below[b + 3];
          }
          level.set(box, i * 4);
        }
        this.levels.push(level);
        below = level;
      }
    },

    // Calls `visit` with the number of each parcel whose box meets the given one, in order.
    query: function (west, south, east, north, visit) {
      const all = [this.boxes].concat(this.levels);
      function descend(level, from, to) {
        const boxes = all[level];
        for (let i = from; i < Math.min(to, boxes.length / 4); i++) {
          const b = i * 4;
          if (boxes[b] > east || boxes[b + 2] < west || boxes[b + 1] > north ||
              boxes[b + 3] < south) continue;
          if (level === 0) visit(i);
          else descend(level - 1, i * FAN, (i + 1) * FAN);
        }
      }
      descend(all.length - 1, 0, Infinity);
    },

    // Numbers of parcels at a place (grid units); what is smaller than `near` is found beside it.
    at: function (x, y, near) {
      const found = [];
      this.query(x - near, y - near, x + near, y + near, function (i) {
        const b = i * 4;
        const width = Math.max(this.boxes[b + 2] - this.boxes[b],
          this.boxes[b + 3] - this.boxes[b + 1]);
        if (width < near || this.covers(i, x, y)) found.push(i);
      }.bind(this));
      return found;
    },

    // Even-odd rule, so that holes are outside.
    covers: function (i, x, y) {
      let inside = false;
      for (let r = this.ringOf[i]; r < this.ringOf[i + 1]; r++) {
        const from = this.vertexOf[r], to = this.vertexOf[r + 1];
        for (let v = from, u = to - 1; v < to; u = v++) {
          if ((this.y[v] > y) !== (this.y[u] > y) &&
              x < (this.x[u] - this.x[v]) * (y - this.y[v]) / (this.y[u] - this.y[v]) + this.x[v]) {
            inside = !inside;
          }
        }
      }
      return inside;
    },

    has: function (i) {
      return this.kinds[i] !== 0;
    },

    toLatLng: function (x, y) {
      return L.CRS.EPSG3857.unproject(
        L.point(this.origin[0] + x * this.step, this.origin[1] + y * this.step));
    },

    toGrid: function (latlng) {
      const at = L.CRS.EPSG3857.project(latlng);
      return L.point((at.x - this.origin[0]) / this.step, (at.y - this.origin[1]) / this.step);
    },

    bounds: function (i) {
      const b = this.boxes.subarray(i * 4, i * 4 + 4);
      return L.latLngBounds(this.toLatLng(b[0], b[1]), this.toLatLng(b[2], b[3]));
    },

    // A place inside: half-way along the widest stretch of a line through the middle.
    inside: function (i) {
      const b = this.boxes.subarray(i * 4, i * 4 + 4);
      const middle = (b[1] + b[3]) / 2 + 0.25;
      if (this.kinds[i] === POINT) return this.toLatLng(b[0], b[1]);
      const crossings = [];
      for (let r = this.ringOf[i]; r < this.ringOf[i + 1]; r++) {
        const from = this.vertexOf[r], to = this.vertexOf[r + 1];
        for (let v = from, u = to - 1; v < to; u = v++) {
          if ((this.y[v] > middle) !== (this.y[u] > middle)) {
            crossings.push((this.x[u] - this.x[v]) * (middle - this.y[v]) /
              (this.y[u] - this.y[v]) + this.x[v]);
          }
        }
      }
      crossings.sort(function (p, q) { return p - q; });
      let best = 0, x = (b[0] + b[2]) / 2;
      for (let c = 0; c + 1 < crossings.length; c += 2) {
        if (crossings[c + 1] - crossings[c] > best) {
          best = crossings[c + 1] - crossings[c];
          x = (crossings[c] + crossings[c + 1]) / 2;
        }
      }
      return this.toLatLng(x, middle);
    },

    // Rings as Leaflet takes them.
    rings: function (i) {
      const rings = [];
      for (let r = this.ringOf[i]; r < this.ringOf[i + 1]; r++) {
        const ring = [];
        for (let v = this.vertexOf[r]; v < this.vertexOf[r + 1]; v++) {
          ring.push(this.toLatLng(this.x[v], this.y[v]));
        }
        rings.push(ring);
      }
      return rings;
    }
  };

  Jingtu.Boundaries = Boundaries;
})(window.Jingtu = window.Jingtu || {});
