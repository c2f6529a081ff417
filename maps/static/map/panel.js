// The panel beside the map: title, filters, layers with their legend, shading, notice.
(function (Jingtu) {
  'use strict';

  const element = Jingtu.element;

  function Panel(state, config, districts, search) {
    this._state = state;
    this._config = config;
    this._districts = districts;
    this._layers = state.layers.map(this._layer, this);
    this._shadingLegend = element('div', { class: 'jt-shading-legend' });
    this._status = element('p', { class: 'jt-unseen', role: 'status', 'aria-live': 'polite' });
    this.element = this._build(search);
    state.listen(this.show.bind(this));
  }

  Panel.prototype = {
    _build: function (search) {
      const words = this._state.words, config = this._config;
      const body = element('div', { class: 'jt-body', id: 'jt-body' }, [
        this._filters(),
        element('section', { 'aria-labelledby': 'jt-h-layers' }, [
          element('h2', { id: 'jt-h-layers' }, [words.layers])
        ].concat(this._layers.map(function (one) { return one.element; }))),
        config.shadings.length ? this._shading() : null,
        element('div', { class: 'jt-actions' }, [
          element('button', { type: 'button', class: 'jt-button', id: 'jt-print',
            on: { click: function () { window.print(); } } }, [words.print])])
      ]);
      this._toggle = element('button', { type: 'button', class: 'jt-sheet-button',
        'aria-expanded': 'false', 'aria-controls': 'jt-body', on: { click: function () {
          this.open(this._toggle.getAttribute('aria-expanded') !== 'true');
        }.bind(this) } }, [words.layers_and_legend]);
      const title = element('header', { class: 'jt-title' }, [
        element('h1', {}, [config.title]),
        element('p', { class: 'jt-moment' }, [config.moment]), this._toggle]);
      this._tellHeight(title);
      return element('aside', { class: 'jt-panel', 'aria-label': words.panel }, [
        title, search.element, body, this._status]);
    },

    // What lies above the title on a phone must know its height: it may take several lines.
    _tellHeight: function (title) {
      const root = document.documentElement;
      new ResizeObserver(function () {
        root.style.setProperty('--title', Math.ceil(title.offsetHeight) + 'px');
      }).observe(title);
    },

    // On a phone the panel is a sheet that opens from below.
    open: function (open) {
      this._toggle.setAttribute('aria-expanded', String(open));
      this.element.classList.toggle('jt-open', open);
    },

    _filters: function () {
      const state = this._state, words = state.words, config = this._config;
      const group = function (label, tag, places) {
        return element('optgroup', { label: label }, places.map(function (place, n) {
          return element('option', { value: tag + ':' + n }, [place.name]);
        }));
      };
      this._place = element('select', { id: 'jt-place', on: { change: function () {
        const value = this._place.value.split(':');
        state.place = value[0] ? { tag: value[0], index: Number(value[1]) } : null;
        state.changed();
        if (state.place && state.place.tag === 'districts') {
          this._config.goTo(state.place.index);
        }
      }.bind(this) } }, [
        element('option', { value: '' }, [words.whole_city]),
        group(words.by_district, 'districts', config.districts),
        group(words.by_unit, 'units', config.units)]);
      return element('section', { class: 'jt-filter' }, [
        element('label', { for: 'jt-place' }, [words.place]), this._place]);
    },

    _layer: function (layer) {
      const state = this._state;
      const id = 'jt-layer-' + layer.number;
      const one = { layer: layer, counts: [] };
      one.box = element('input', { type: 'checkbox', id: id, on: { change: function () {
        layer.on = one.box.checked;
        if (layer.on) this._fold(one, true);
        state.changed();
      }.bind(this) } });
      one.total = element('span', { class: 'jt-count' });
      one.fold = element('button', { type: 'button', class: 'jt-fold', 'aria-controls': id + '-rows',
        'aria-label': Jingtu.say(state.words.legend_of, { layer: layer.label }),
        on: { click: function () { this._fold(one, one.rows.hidden); }.bind(this) } });
      one.rows = element('ul', { class: 'jt-rows', id: id + '-rows', 'aria-label': layer.stageLabel },
        layer.stages.map(function (label, stage) { return this._stage(one, label, stage); }, this));
      one.note = element('p', { class: 'jt-what', hidden: true });
      one.element = element('div', { class: 'jt-layer', 'data-layer': layer.key }, [
        element('div', { class: 'jt-layer-head' }, [
          element('label', { for: id }, [one.box,
            element('span', { class: 'jt-label' }, [layer.label])]), one.total, one.fold]),
        one.rows, one.note]);
      this._fold(one, layer.on);
      return one;
    },

    _fold: function (one, open) {
      one.rows.hidden = !open;
      one.fold.setAttribute('aria-expanded', String(open));
    },

    _stage: function (one, label, stage) {
      const layer = one.layer, state = this._state;
      const box = element('input', { type: 'checkbox', on: { change: function () {
        layer.stageOn[stage] = box.checked;
        state.changed();
      } } });
      const count = element('span', { class: 'jt-count' });
      const row = element('li', {}, [element('label', {}, [box,
        Jingtu.swatch(layer.marks[stage], layer.hasAreas, layer.hasPoints),
        element('span', { class: 'jt-label' }, [label])]), count]);
      one.counts.push({ box: box, count: count, row: row });
      return row;
    },

    _shading: function () {
      const state = this._state, words = state.words;
      this._shadingChoice = element('select', { id: 'jt-shading', on: { change: function () {
        state.shading = Number(this._shadingChoice.value);
        state.changed();
      }.bind(this) } }, [element('option', { value: '-1' }, [words.no_shading])].concat(
        this._config.shadings.map(function (one, n) {
          return element('option', { value: n }, [one.label]);
        })));
      return element('section', { class: 'jt-shading' }, [
        element('h2', {}, [element('label', { for: 'jt-shading' }, [words.shading])]),
        this._shadingChoice, this._shadingLegend]);
    },

    show: function () {
      const words = this._state.words;
      let shown = 0;
      this._layers.forEach(function (one) {
        const layer = one.layer, counts = layer.counts();
        one.box.checked = layer.on;
        let total = 0;
        counts.forEach(function (count, stage) {
          const row = one.counts[stage];
          total += count;
          if (layer.on && layer.stageOn[stage]) shown += count;
          row.box.checked = layer.stageOn[stage];
          row.count.textContent = Jingtu.number(count);
          row.row.classList.toggle('jt-off', !layer.stageOn[stage]);
          row.row.classList.toggle('jt-empty', count === 0);
        });
        one.total.textContent = Jingtu.number(total);
        one.element.classList.toggle('jt-off', !layer.on);
        const without = layer.withoutBoundary();
        one.element.classList.toggle('jt-empty', total === 0 && !without);
        one.note.hidden = one.rows.hidden || !without;
        one.note.textContent = Jingtu.say(words.count_without_boundary,
          { count: Jingtu.number(without) });
      });
      const place = this._state.place;
      this._place.value = place ? place.tag + ':' + place.index : '';
      this._shadingLegend.textContent = '';
      const legend = this._districts.legend();
      if (legend) this._shadingLegend.appendChild(legend);
      if (this._shadingChoice) this._shadingChoice.value = String(this._state.shading);
      this._status.textContent = Jingtu.say(words.shown_count, { count: Jingtu.number(shown) });
    }
  };

  Jingtu.Panel = Panel;
})(window.Jingtu = window.Jingtu || {});
