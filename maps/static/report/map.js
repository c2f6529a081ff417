// The faults on the map: boundaries and places, and what is known of the chosen one.
(function (Jingtu) {
  'use strict';

  const element = Jingtu.element, say = Jingtu.say;
  const RINGS = 1e6, SIZE = 6, BESIDE = 6;

  function rings(line) {
    return line.split(';').map(function (ring) {
      const steps = ring.split(','), made = [];
      for (let i = 0, x = 0, y = 0; i < steps.length; i += 2) {
        x += Number(steps[i]);
        y += Number(steps[i + 1]);
        made.push([y / RINGS, x / RINGS]);
      }
      return made;
    });
  }

  function Faults(map, config, list, lines, choose) {
    this._map = map;
    this._config = config;
    this._list = list;
    this._choose = choose;
    this._shapes = lines.map(function (line) { return line == null ? null : rings(line); });
    this._areas = L.canvas({ pane: 'boundaries', padding: 0.3, tolerance: 3 });
    this._points = L.canvas({ pane: 'places', padding: 0.3, tolerance: 5 });
    this._drawn = L.layerGroup().addTo(map);
    this._over = null;
    list.listen(this.draw.bind(this));
    this.draw();
  }

  Faults.prototype = {
    draw: function () {
      const shapes = new Set(), places = new Set(), found = this._list.shown;
      this._drawn.clearLayers();
      // The worst come first in the list and lie on top of the others.
      const areas = [], points = [];
      found.forEach(function (one) {
        [one.shape, one.other].forEach(function (shape) {
          if (shape == null || !this._shapes[shape] || shapes.has(shape)) return;
          shapes.add(shape);
          areas.push([one, shape]);
        }, this);
        const at = one.lon + ' ' + one.lat;
        if (one.lon != null && !places.has(at)) {
          places.add(at);
          points.push(one);
        }
      }, this);
      areas.reverse().forEach(this._area, this);
      points.reverse().forEach(this._point, this);
    },

    _area: function (pair) {
      const one = pair[0];
      L.polygon(this._shapes[pair[1]], { renderer: this._areas, color: one.look.colour,
        weight: 1.8, fillOpacity: 0.14, bubblingMouseEvents: false })
        .on('click', function () { this._choose(one, 'map'); }, this).addTo(this._drawn);
    },

    _point: function (one) {
      new Jingtu.FaultMark([one.lat, one.lon], { renderer: this._points, form: one.look.form,
        radius: SIZE, color: '#fff', weight: 1.5, fillColor: one.look.colour, fillOpacity: 1,
        bubblingMouseEvents: false
      }).on('click', function () { this._choose(one, 'map'); }, this).addTo(this._drawn);
    },

    // Goes to a finding and tells of it; one without a place is only told of.
    show: function (one, move) {
      this.hide();
      const shape = one.shape == null ? null : this._shapes[one.shape];
      if (!shape && one.lon == null) return;
      const bounds = shape ? L.latLngBounds(shape.flat()) : null;
      const at = one.lon == null ? bounds.getCenter() : L.latLng(one.lat, one.lon);
      if (bounds && one.lon != null) bounds.extend(at);
      const other = one.other == null ? null : this._shapes[one.other];
      if (other && bounds) bounds.extend(L.latLngBounds(other.flat()));
      if (move && bounds) {
        this._map.fitBounds(bounds, { maxZoom: 18, padding: [70, 70], animate: false });
      } else if (move) this._map.setView(at, Math.max(this._map.getZoom(), 15), { animate: false });
      this._over = L.layerGroup((shape ? [7, 3] : []).map(function (weight, n) {
        return L.polygon(shape, { renderer: this._areas, interactive: false, fill: false,
          weight: weight, color: n ? '#ffdf3d' : '#10231c' });
      }, this).concat(other ? [L.polygon(other, { renderer: this._areas, interactive: false,
        fill: false, weight: 3, color: '#10231c', dashArray: '6 5' })] : [])
        .concat(one.lon == null ? [] : [L.circleMarker(at, { renderer: this._points,
        interactive: false, radius: 11, fill: false, weight: 3, color: '#10231c' })]))
        .addTo(this._map);
      const room = this._map.getSize();
      this._popup = L.popup({ className: 'jt-popup jt-small', closeButton: false,
        maxWidth: Math.min(360, room.x - 110), minWidth: Math.min(260, room.x - 110),
        maxHeight: Math.max(130, Math.min(380, room.y - 90)),
        autoPanPaddingTopLeft: [12, 12], autoPanPaddingBottomRight: [54, 12], offset: [0, -4] }).setLatLng(at).setContent(this._card(one)).openOn(this._map);
    },

    hide: function () {
      if (this._popup) this._popup.remove();
      if (this._over) this._over.remove();
      this._popup = this._over = null;
    },

    _card: function (one) {
      const words = this._config.words;
      const facts = [[words.field, one.field], [words.found, one.found], [words.file, one.file],
        [words.place, one.lon == null ? null : one.lon.toFixed(6) + ', ' + one.lat.toFixed(6)],
        [words.code, one.code]];
      const beside = this._list.shown.filter(function (other) {
        return other !== one && other.file === one.file
          && ((one.row != null && other.row === one.row)
            || (one.lon != null && other.lon === one.lon && other.lat === one.lat));
      });
      const card = element('article', { class: 'jt-card jr-card', 'aria-label': words.finding,
        on: { keydown: function (event) {
          if (event.key === 'Escape') this._choose(null);
        }.bind(this) } }, [
        element('button', { type: 'button', class: 'jt-close', 'aria-label': words.close,
          on: { click: function () { this._choose(null); }.bind(this) } }, ['\u00d7']),
        element('h2', {}, [Jingtu.mark(one.look), one.look.label + ' ',
          element('bdi', {}, [this._list.where(one)])]),
        element('p', {}, [element('bdi', {}, [one.what])]),
        element('p', { class: 'jr-mend' }, [element('bdi', {},
          [say(words.mend, { mend: one.mend })])]),
        element('dl', {}, facts.filter(function (fact) { return fact[1] != null; }).flatMap(
          function (fact) {
            return [element('dt', {}, [fact[0]]),
              element('dd', {}, [element('bdi', {}, [fact[1]])])];
          })),
        beside.length ? element('h3', {}, [say(words.beside, { count: beside.length })]) : null,
        beside.length ? element('ul', {}, beside.slice(0, BESIDE).map(function (other) {
          return element('li', {}, [element('button', { type: 'button', on: {
            click: function () { this._choose(other, 'map'); }.bind(this) } },
          [Jingtu.mark(other.look), element('bdi', {}, [other.what])])]);
        }, this)) : null
      ]);
      L.DomEvent.disableClickPropagation(card);
      L.DomEvent.disableScrollPropagation(card);
      return card;
    }
  };

  Jingtu.Faults = Faults;
})(window.Jingtu = window.Jingtu || {});
