// District outlines: names, the chosen one, and shading by how much of them a layer covers.
(function (Jingtu) {
  'use strict';

  const element = Jingtu.element;
  const SVG = 'http://www.w3.org/2000/svg';
  const LINE = { color: '#7d8a83', weight: 1.1, fillColor: '#fdfcf9', fillOpacity: 1 };

  // `outlines` is the layer Folium made of the districts; features come in their order.
  function Districts(map, state, config, outlines, popups) {
    this._map = map;
    this._state = state;
    this._popups = popups;
    this._shadings = config.shadings;
    this._noData = config.noData;
    this._districts = config.districts;
    this._paths = [];
    outlines.eachLayer(function (path) {
      this._paths.push(path);
    }, this);
    this._paths.forEach(function (path, n) {
      path.on('click', function (event) { this._clicked(n, event.latlng); }, this);
    }, this);
    this._labels = this._districts.map(function (district) {
      return L.marker(district.at, {
        icon: L.divIcon({ className: 'jt-district', html: element('span'), iconSize: [0, 0] }),
        interactive: false, keyboard: false, pane: 'names'
      }).addTo(map);
    });
    state.listen(this.show.bind(this));
    map.on('zoomend', this._declutter, this);
    this._hatch();
    this.show();
  }

  Districts.prototype = {
    shading: function () {
      return this._state.shading < 0 ? null : this._shadings[this._state.shading];
    },

    show: function () {
      const shading = this.shading(), place = this._state.place;
      this._paths.forEach(function (path, n) {
        const chosen = place && place.tag === 'districts' && place.index === n;
        const style = Object.assign({}, LINE, chosen ? { color: '#14503c', weight: 3.2 } : {});
        if (shading) style.fillColor = this._colour(shading, n);
        path.setStyle(style);
        if (chosen) path.bringToFront();
        this._labels[n].getElement().firstChild.textContent = this._districts[n].name;
        if (shading) {
          this._labels[n].getElement().firstChild.appendChild(
            element('b', {}, [this.share(shading, n)]));
        }
      }, this);
      this._declutter();
    },

    share: function (shading, n) {
      return shading.shown[n] == null ? this._state.words.no_data : shading.shown[n];
    },

    // Not known is hatched, never a class.
    _colour: function (shading, n) {
      return shading.classes[n] == null ? 'url(#jt-no-data)' : shading.colours[shading.classes[n]];
    },

    _hatch: function () {
      const path = this._paths[0];
      const svg = path && path._renderer && path._renderer._container;
      if (!svg) return;
      const make = function (name, attributes, into) {
        const made = document.createElementNS(SVG, name);
        Object.keys(attributes).forEach(function (key) {
          made.setAttribute(key, attributes[key]);
        });
        return into.appendChild(made);
      };
      const pattern = make('pattern', { id: 'jt-no-data', width: 8, height: 8,
        patternUnits: 'userSpaceOnUse' }, make('defs', {}, svg));
      make('rect', { width: 8, height: 8, fill: this._noData.colour }, pattern);
      make('path', { d: 'M-2,6 L2,10 M0,0 L8,8 M6,-2 L10,2', stroke: this._noData.edge,
        'stroke-width': 1 }, pattern);
    },

    // Names that would lie on one another are left out, the later ones first.
    _declutter: function () {
      const taken = [];
      this._labels.forEach(function (label) {
        const span = label.getElement().firstChild;
        const at = this._map.latLngToLayerPoint(label.getLatLng());
        const half = L.point(span.offsetWidth / 2 + 2, span.offsetHeight / 2 + 1);
        const box = L.bounds(at.subtract(half), at.add(half));
        const free = taken.every(function (other) { return !other.overlaps(box); });
        label.getElement().style.visibility = free ? '' : 'hidden';
        if (free) taken.push(box);
      }, this);
    },

    _clicked: function (n, latlng) {
      const shading = this.shading();
      if (!shading || this._popups.under(latlng, 7).length) return;
      L.popup({ className: 'jt-popup jt-small', closeButton: false }).setLatLng(latlng)
        .setContent(element('div', { class: 'jt-card' }, [
          element('h2', {}, [this._districts[n].name]),
          element('p', {}, [shading.label + this._state.words.colon, element('strong', {}, [
            this.share(shading, n)])])])).openOn(this._map);
    },

    // The legend of the shading; nothing without one.
    legend: function () {
      const shading = this.shading();
      if (!shading) return null;
      const counts = shading.colours.map(function () { return 0; });
      let unknown = 0;
      shading.classes.forEach(function (one) {
        if (one == null) unknown++;
        else counts[one]++;
      });
      const words = this._state.words;
      const row = function (swatch, label, count) {
        return element('li', {}, [swatch, element('span', { class: 'jt-label' }, [label]),
          element('span', { class: 'jt-count' }, [String(count)])]);
      };
      const rows = shading.colours.map(function (colour, n) {
        const mark = { colour: colour, edge: '#7d8a83', pattern: 'plain' };
        return row(Jingtu.swatch(mark, true, false), shading.ranges[n], counts[n]);
      });
      if (unknown) rows.push(row(Jingtu.swatch(this._noData, true, false), words.no_data, unknown));
      return element('div', {}, [
        element('p', { class: 'jt-what' }, [shading.note]),
        element('ul', { class: 'jt-rows', 'aria-label': words.shading }, rows)]);
    }
  };

  Jingtu.Districts = Districts;
})(window.Jingtu = window.Jingtu || {});
