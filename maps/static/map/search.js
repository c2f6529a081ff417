// Finds parcels by code, name or former name; usable with the keyboard alone.
(function (Jingtu) {
  'use strict';

  const MOST = 40;
  const element = Jingtu.element;

  function plain(text) {
    return text == null ? '' : text.normalize('NFKC').toLowerCase().replace(/\s+/g, '');
  }

  function Search(map, state, popups) {
    const words = state.words;
    this._map = map;
    this._state = state;
    this._popups = popups;
    this._found = [];
    this._at = -1;
    this.input = element('input', {
      type: 'search', id: 'jt-search-text', role: 'combobox', 'aria-expanded': 'false',
      'aria-controls': 'jt-found', 'aria-autocomplete': 'list', autocomplete: 'off',
      spellcheck: 'false', placeholder: words.search_hint, on: {
        input: this._search.bind(this), focus: this._search.bind(this),
        keydown: this._key.bind(this), blur: this._leave.bind(this)
      }
    });
    this._list = element('ul', { id: 'jt-found', role: 'listbox', 'aria-label': words.found,
      hidden: true, on: { mousedown: function (event) { event.preventDefault(); } } });
    this._status = element('p', { class: 'jt-unseen', role: 'status', 'aria-live': 'polite' });
    this.element = element('div', { class: 'jt-search', role: 'search' }, [
      element('label', { for: 'jt-search-text', class: 'jt-unseen' }, [words.search]),
      this.input, this._list, this._status]);
  }

  Search.prototype = {
    _texts: function (layer) {
      if (!layer.searchable) {
        layer.searchable = [];
        for (let i = 0; i < layer.packed.count; i++) {
          layer.searchable.push(
            [layer.text(0, i), layer.text(1, i), layer.text(2, i)].map(plain).join('\n'));
        }
      }
      return layer.searchable;
    },

    _search: function () {
      const wanted = plain(this.input.value);
      const ready = this._state.layers.filter(function (layer) { return layer.columns; });
      let total = 0;
      this._found = [];
      const take = function (layer, i) {
        total++;
        if (this._found.length < MOST) this._found.push({ layer: layer, i: i });
      }.bind(this);
      if (wanted) {
        ready.forEach(function (layer) {
          this._texts(layer).forEach(function (text, i) {
            if (text.indexOf(wanted) >= 0) take(layer, i);
          });
        }, this);
      } else this._inView(ready, take);
      this._show(wanted, total);
    },

    // Without a word to look for, what is on the map can be walked through.
    _inView: function (layers, take) {
      const view = this._map.getBounds();
      layers.filter(function (layer) { return layer.on; }).forEach(function (layer) {
        const low = layer.boundaries.toGrid(view.getSouthWest());
        const high = layer.boundaries.toGrid(view.getNorthEast());
        layer.boundaries.query(low.x, low.y, high.x, high.y, function (i) {
          if (layer.shows(i)) take(layer, i);
        });
      });
    },

    _show: function (wanted, total) {
      const words = this._state.words;
      const said = Jingtu.say(wanted ? words.found_count : words.in_view_count,
        { count: Jingtu.number(total), shown: this._found.length });
      this._at = -1;
      this._list.textContent = '';
      this._found.forEach(function (one, n) {
        const name = one.layer.title(one.i), code = one.layer.code(one.i);
        const former = one.layer.text(2, one.i);
        const besides = [code !== name ? code : null, former, one.layer.label,
          one.layer.boundaries.has(one.i) ? null : words.without_boundary];
        this._list.appendChild(element('li', { role: 'option', id: 'jt-found-' + n,
          'aria-selected': 'false', on: { click: this._choose.bind(this, n) } }, [
          Jingtu.swatch(one.layer.marks[one.layer.boundaries.tags.stages[one.i]],
            one.layer.boundaries.kinds[one.i] !== 2, one.layer.boundaries.kinds[one.i] === 2),
          element('span', {}, [element('bdi', {}, [name]), element('small', {}, [
            besides.filter(Boolean).join(' \u00b7 ')])])]));
      }, this);
      this._list.appendChild(element('li', { class: 'jt-total', role: 'presentation' }, [said]));
      this._status.textContent = said;
      this._open(true);
    },

    _open: function (open) {
      this._list.hidden = !open;
      this.input.setAttribute('aria-expanded', String(open));
      if (!open) this.input.removeAttribute('aria-activedescendant');
    },

    _leave: function () {
      this._open(false);
    },

    _key: function (event) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step && this._list.hidden) this._search();
      if (step && this._found.length) {
        const many = this._found.length;
        this._point(this._at < 0 && step < 0 ? many - 1 : (this._at + step + many) % many);
      } else if (event.key === 'Enter' && this._found.length) {
        this._choose(Math.max(0, this._at));
      } else if (event.key === 'Escape') {
        if (this._list.hidden) this.input.value = '';
        this._open(false);
      } else return;
      event.preventDefault();
    },

    _point: function (n) {
      const options = this._list.querySelectorAll('[role=option]');
      if (this._at >= 0) options[this._at].setAttribute('aria-selected', 'false');
      this._at = n;
      options[n].setAttribute('aria-selected', 'true');
      options[n].scrollIntoView({ block: 'nearest' });
      this.input.setAttribute('aria-activedescendant', 'jt-found-' + n);
    },

    _choose: function (n) {
      const one = this._found[n];
      this._open(false);
      this._popups.show(one.layer, one.i, true);
    }
  };

  Jingtu.Search = Search;
})(window.Jingtu = window.Jingtu || {});
