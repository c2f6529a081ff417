// Where the pointer is: longitude and latitude, and plane coordinates for surveyors.
(function (Jingtu) {
  'use strict';

  // CGCS2000 ellipsoid; central meridian 117 E, false easting 500 km, no zone number (EPSG:4548).
  const A = 6378137, F = 1 / 298.257222101, MERIDIAN = 117;

  // Gauss-Krueger by Krueger's series to n^4 (Karney 2011, eq. 35); good to a millimetre.
  Jingtu.gauss = function (lon, lat) {
    const n = F / (2 - F), n2 = n * n, n3 = n2 * n, n4 = n3 * n;
    const alpha = [n / 2 - 2 * n2 / 3 + 5 * n3 / 16 + 41 * n4 / 180,
      13 * n2 / 48 - 3 * n3 / 5 + 557 * n4 / 1440, 61 * n3 / 240 - 103 * n4 / 140,
      49561 * n4 / 161280];
    const radius = A / (1 + n) * (1 + n2 / 4 + n4 / 64);
    const e = Math.sqrt(F * (2 - F)), phi = lat * Math.PI / 180;
    const lambda = (lon - MERIDIAN) * Math.PI / 180;
    const sine = Math.sin(phi);
    const t = Math.sinh(Math.atanh(sine) - e * Math.atanh(e * sine));
    const xi = Math.atan2(t, Math.cos(lambda));
    const eta = Math.asinh(Math.sin(lambda) / Math.hypot(t, Math.cos(lambda)));
    let north = xi, east = eta;
    alpha.forEach(function (a, j) {
      const k = 2 * (j + 1);
      north += a * Math.sin(k * xi) * Math.cosh(k * eta);
      east += a * Math.cos(k * xi) * Math.sinh(k * eta);
    });
    return { east: 500000 + radius * east, north: radius * north };
  };

  Jingtu.Position = L.Control.extend({
    options: { position: 'bottomleft' },

    initialize: function (words) {
      L.Control.prototype.initialize.call(this, {});
      this._words = words;
    },

    onAdd: function (map) {
      this._box = L.DomUtil.create('div', 'jt-position');
      this._box.setAttribute('aria-hidden', 'true');
      this._show(map.getCenter());
      map.on('mousemove', function (event) { this._show(event.latlng); }, this);
      map.on('moveend', function () { this._show(map.getCenter()); }, this);
      return this._box;
    },

    _show: function (at) {
      const plane = Jingtu.gauss(at.lng, at.lat);
      this._box.textContent = Jingtu.say(this._words.position, {
        lon: at.lng.toFixed(6), lat: at.lat.toFixed(6),
        x: plane.north.toFixed(1), y: plane.east.toFixed(1)
      });
    }
  });
})(window.Jingtu = window.Jingtu || {});
