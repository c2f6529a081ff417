// Reads the vector tiles of maps/tiles/mvt.py: layers of polygons and points with an id and a
// stage. Anything else in a tile is passed over.
(function (Jingtu) {
  'use strict';

  function Reader(bytes, at, end) {
    this.bytes = bytes;
    this.at = at || 0;
    this.end = end == null ? bytes.length : end;
  }

  Reader.prototype = {
    more: function () { return this.at < this.end; },

    number: function () {
      let value = 0, factor = 1, byte;
      do {
        byte = this.bytes[this.at++];
        value += (byte & 127) * factor;
        factor *= 128;
      } while (byte > 127);
      return value;
    },

    // The bytes of a field, to be read on their own.
    inside: function () {
      const length = this.number();
      const part = new Reader(this.bytes, this.at, this.at + length);
      this.at += length;
      return part;
    },

    skip: function (kind) {
      if (kind === 0) this.number();
      else if (kind === 2) this.at += this.number();
      else if (kind === 5) this.at += 4;
      else this.at += 8;
    }
  };

  function text(reader) {
    return new TextDecoder().decode(reader.bytes.subarray(reader.at, reader.end));
  }

  function value(reader) {
    while (reader.more()) {
      const key = reader.number();
      if (key === 10) return text(reader.inside());
      if (key === 40) return reader.number();
      reader.skip(key & 7);
    }
    return null;
  }

  // Rings or points as arrays of x, y in units of the tile.
  function geometry(reader) {
    const rings = [];
    let x = 0, y = 0, ring = null;
    while (reader.more()) {
      const command = reader.number(), kind = command & 7;
      for (let n = command >> 3; n > 0; n--) {
        if (kind === 7) break;
        const dx = reader.number(), dy = reader.number();
        x += (dx >>> 1) ^ -(dx & 1);
        y += (dy >>> 1) ^ -(dy & 1);
        if (kind === 1) rings.push(ring = []);
        ring.push(x, y);
      }
    }
    return rings;
  }

  function feature(reader) {
    const made = { id: 0, tags: [], rings: [] };
    while (reader.more()) {
      const key = reader.number();
      if (key === 8) made.id = reader.number();
      else if (key === 18) {
        const tags = reader.inside();
        while (tags.more()) made.tags.push(tags.number());
      } else if (key === 34) made.rings = geometry(reader.inside());
      else reader.skip(key & 7);
    }
    return made;
  }

  function layer(reader) {
    const made = { name: '', features: [] }, keys = [], values = [];
    while (reader.more()) {
      const key = reader.number();
      if (key === 10) made.name = text(reader.inside());
      else if (key === 18) made.features.push(feature(reader.inside()));
      else if (key === 26) keys.push(text(reader.inside()));
      else if (key === 34) values.push(value(reader.inside()));
      else reader.skip(key & 7);
    }
    made.features.forEach(function (one) {
      for (let i = 0; i < one.tags.length; i += 2) one[keys[one.tags[i]]] = values[one.tags[i + 1]];
    });
    return made;
  }

  // A tile's layers by name, each a list of features.
  Jingtu.readTile = function (bytes) {
    const reader = new Reader(bytes), layers = {};
    while (reader.more()) {
      const key = reader.number();
      if (key !== 26) reader.skip(key & 7);
      else {
        const made = layer(reader.inside());
        layers[made.name] = made.features;
      }
    }
    return layers;
  };
})(window.Jingtu = window.Jingtu || {});
