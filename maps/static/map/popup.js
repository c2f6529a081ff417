// What is known of a parcel, beside it on the map.
(function (Jingtu) {
  'use strict';

  const element = Jingtu.element;

  function Popups(map, state) {
    this._map = map;
    this._state = state;
    this._outline = null;
    this._hint = L.tooltip({ className: 'jt-hint', direction: 'top', offset: [0, -8] });
    map.on('click', function (event) { this._click(event); }, this);
    map.on('mousemove', function (event) { this._hover(event); }, this);
    map.on('popupclose', function () { this._mark(null); }, this);
    map.getContainer().addEventListener('mouseleave', function () {
      map.closeTooltip(this._hint);
    }.bind(this));
    state.listen(function () { map.closeTooltip(this._hint); }.bind(this));
  }

  Popups.prototype = {
    // Shown parcels at a place, those drawn last first.
    under: function (latlng, pixels) {
      const found = [];
      const metres = Jingtu.WORLD / 256 / Math.pow(2, this._map.getZoom());
      this._state.layers.forEach(function (layer) {
        if (!layer.on || !layer.boundaries) return;
        const at = layer.boundaries.toGrid(latlng);
        const near = pixels * metres / layer.boundaries.step;
        layer.boundaries.at(at.x, at.y, near).forEach(function (i) {
          if (layer.shows(i)) found.unshift({ layer: layer, i: i });
        });
      });
      // A point lies on top of the areas under it.
      return found.sort(function (a, b) {
        return (b.layer.boundaries.kinds[b.i] === 2) - (a.layer.boundaries.kinds[a.i] === 2);
      });
    },

    _click: function (event) {
      const touched = event.originalEvent && event.originalEvent.pointerType === 'touch';
      const found = this.under(event.latlng, touched ? 14 : 7);
      if (found.length) this.open(found, event.latlng);
    },

    _hover: function (event) {
      if (this._waiting) return;
      this._waiting = L.Util.requestAnimFrame(function () {
        this._waiting = null;
        const found = this.under(event.latlng, 5);
        this._map.getContainer().classList.toggle('jt-over', found.length > 0);
        if (!found.length || !found[0].layer.columns) {
          this._map.closeTooltip(this._hint);
          return;
        }
        const first = found[0], more = found.length > 1 ? ' +' + (found.length - 1) : '';
        this._hint.setContent(element('bdi', {}, [first.layer.title(first.i) + more]));
        this._hint.setLatLng(event.latlng);
        this._map.openTooltip(this._hint);
      }, this);
    },

    // Opens on the first of some parcels, with a way to the others.
    open: function (found, latlng, focus) {
      const popup = L.popup({
        maxWidth: Math.min(400, this._map.getSize().x - 60),
        minWidth: Math.min(300, this._map.getSize().x - 60),
        maxHeight: Math.max(160, Math.min(440, this._map.getSize().y - 150)),
        className: 'jt-popup', autoPanPadding: [24, 24],
        closeButton: false
      });
      const show = function (n, focused) {
        popup.setContent(this._card(found, n, show, popup));
        this._mark(found[n]);
        if (focused) popup.getElement().querySelector('h2').focus();
      }.bind(this);
      popup.setLatLng(latlng);
      popup.setContent(this._card(found, 0, show, popup));
      this._map.openPopup(popup);
      this._mark(found[0]);
      if (focus) popup.getElement().querySelector('h2').focus();
    },

    _card: function (found, n, show, popup) {
      const words = this._state.words, layer = found[n].layer, i = found[n].i;
      const stage = layer.boundaries.tags.stages[i];
      const title = element('h2', { tabindex: '-1' }, [element('bdi', {}, [layer.title(i)])]);
      const close = element('button', {
        type: 'button', class: 'jt-close', 'aria-label': words.close,
        on: { click: function () { popup.remove(); } }
      }, ['\u00d7']);
      const pager = found.length < 2 ? null : element('div', { class: 'jt-pager' }, [
        element('button', { type: 'button', 'aria-label': words.previous, on: {
          click: function () { show((n + found.length - 1) % found.length, true); } } }, ['\u2039']),
        element('span', {}, [Jingtu.say(words.one_of, { n: n + 1, count: found.length })]),
        element('button', { type: 'button', 'aria-label': words.next, on: {
          click: function () { show((n + 1) % found.length, true); } } }, ['\u203a'])
      ]);
      const rows = layer.fields.map(function (label, column) {
        const said = layer.text(column, i);
        return element('tr', { class: said == null ? 'jt-none' : null }, [
          element('th', { scope: 'row' }, [label]),
          element('td', {}, [element('bdi', {}, [said == null ? '\u2014' : said])])
        ]);
      });
      const card = element('article', {
        class: 'jt-card', 'aria-label': words.parcel,
        on: { keydown: function (event) { if (event.key === 'Escape') popup.remove(); } }
      }, [
        element('header', {}, [element('div', {}, [
          element('p', { class: 'jt-layer-name' }, [layer.label]), title]), close]),
        element('p', { class: 'jt-stage' }, [
          Jingtu.swatch(layer.marks[stage], layer.boundaries.kinds[i] !== 2,
            layer.boundaries.kinds[i] === 2),
          element('span', {}, [layer.stageLabel + words.colon]),
          element('strong', {}, [layer.stages[stage]])]),
        layer.boundaries.has(i) ? null
          : element('p', { class: 'jt-note' }, [words.no_boundary]),
        element('div', { class: 'jt-facts' }, [element('table', {}, [element('tbody', {}, rows)])]),
        pager
      ]);
      L.DomEvent.disableClickPropagation(card);
      L.DomEvent.disableScrollPropagation(card);
      return card;
    },

    // Goes to a parcel and opens it.
    show: function (layer, i, focus) {
      const b = layer.boundaries;
      this._state.reveal(layer, i);
      if (!b.has(i)) {
        this.open([{ layer: layer, i: i }], this._place(layer, i), focus);
        return;
      }
      this._map.fitBounds(b.bounds(i), { maxZoom: 17, padding: [80, 80], animate: false });
      this.open([{ layer: layer, i: i }], b.inside(i), focus);
    },

    // Where to tell of a parcel without a boundary: in its district, else in the middle.
    _place: function (layer, i) {
      const district = this._state.districts[layer.boundaries.tags.districts[i]];
      return district ? L.latLng(district.at) : this._map.getCenter();
    },

    _mark: function (found) {
      if (this._outline) this._outline.remove();
      this._outline = null;
      if (!found || !found.layer.boundaries.has(found.i)) return;
      const b = found.layer.boundaries, under = { interactive: false, pane: 'chosen', fill: false };
      const over = Object.assign({ color: '#ffdf3d', weight: 2.5 }, under);
      const casing = Object.assign({ color: '#10231c', weight: 6 }, under);
      this._outline = L.layerGroup(b.kinds[found.i] === 2
        ? [casing, over].map(function (style) {
          return L.circleMarker(b.inside(found.i), Object.assign({ radius: 11 }, style));
        })
        : [casing, over].map(function (style) { return L.polygon(b.rings(found.i), style); })
      ).addTo(this._map);
    }
  };

  Jingtu.Popups = Popups;
})(window.Jingtu = window.Jingtu || {});
