// The findings as a list: filtered, grouped, and drawn as far as it is looked at.
(function (Jingtu) {
  'use strict';

  const element = Jingtu.element, say = Jingtu.say, number = Jingtu.number;
  const STEP = 60, PRINTED = 1000;
  const GROUPS = ['code', 'place', 'none'];

  function List(findings, config, choose) {
    this._all = findings;
    this._config = config;
    this._words = config.words;
    this._choose = choose;
    this._off = {};
    this._closed = {};
    this._limits = {};
    this._listeners = [];
    this.chosen = null;
    this.element = this._panel();
    this._filter();
  }

  List.prototype = {
    listen: function (listener) { this._listeners.push(listener); },

    _panel: function () {
      const words = this._words, config = this._config;
      const again = function () { this._limits = {}; this._filter(); }.bind(this);
      const chips = config.severities.map(function (one) {
        const chip = element('button', { type: 'button', class: 'jr-chip', 'aria-pressed': 'true',
          disabled: one.count === 0, on: { click: function () {
            this._off[one.key] = !this._off[one.key];
            chip.setAttribute('aria-pressed', String(!this._off[one.key]));
            again();
          }.bind(this) } },
        [Jingtu.mark(one), one.label + ' ', element('b', {}, [number(one.count)])]);
        return chip;
      }, this);
      this._code = element('select', { 'aria-label': words.by_code, on: { change: again } },
        [element('option', { value: '' }, [words.all_codes])].concat(config.codes.map(
          function (one) {
            return element('option', { value: one.key },
              [one.label + ' (' + number(one.count) + ')']);
          })));
      this._group = element('select', { 'aria-label': words.group_by, on: { change: again } },
        GROUPS.map(function (one) {
          return element('option', { value: one }, [words['group_' + one]]);
        }));
      this._row = element('input', { type: 'text', inputmode: 'numeric', class: 'jr-row',
        'aria-label': words.row_hint, placeholder: words.row_hint, on: { input: again } });
      this._search = element('input', { type: 'search', 'aria-label': words.search_hint,
        placeholder: words.search_hint, on: { input: again } });
      this._count = element('p', { class: 'jr-count', role: 'status' });
      this._list = element('div', { class: 'jr-list', on: { keydown: this._keys.bind(this) } });
      return element('aside', { class: 'jt-panel jr-panel', 'aria-label': words.panel }, [
        element('header', { class: 'jt-title' }, [element('h1', {}, [config.title]),
          element('p', { class: 'jt-moment' }, [element('bdi', {}, [config.about])])]),
        element('div', { class: 'jr-tools' }, [
          element('div', { class: 'jr-chips', role: 'group', 'aria-label': words.by_severity },
            chips),
          element('div', { class: 'jr-fields' }, [this._code, this._group]),
          element('div', { class: 'jr-fields' }, [this._search, this._row]),
          this._count
        ].concat(config.cut.map(function (line) {
          return element('p', { class: 'jr-cut' }, [line]);
        }))),
        this._list,
        element('div', { class: 'jr-foot' }, [element('button', { type: 'button',
          class: 'jt-button', on: { click: function () { window.print(); } } }, [words.print])])
      ]);
    },

    _filter: function () {
      const code = this._code.value, row = this._row.value.trim();
      const asked = this._search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
      this.shown = this._all.filter(function (one) {
        if (this._off[one.severity] || (code && one.code !== code)) return false;
        if (row && String(one.row) !== row) return false;
        return asked.every(function (word) { return one.text.indexOf(word) >= 0; });
      }, this);
      this._count.textContent = say(this._words.counted,
        { shown: number(this.shown.length), all: number(this._config.all) });
      this._draw();
      this._listeners.forEach(function (one) { one(); });
    },

    // Group of a finding: its key and what stands over it.
    _key: function (one) {
      if (this._group.value === 'none') return '';
      if (this._group.value === 'place') return (one.file || '') + '\u0000' + (one.row || '');
      return one.severity + '\u0000' + one.code;
    },

    _groups: function () {
      const found = new Map();
      this.shown.forEach(function (one) {
        const key = this._key(one);
        if (!found.has(key)) found.set(key, []);
        found.get(key).push(one);
      }, this);
      if (this._group.value !== 'place') return found;
      // Rows in the order of the file, what concerns the whole file first.
      return new Map(Array.from(found).sort(function (a, b) {
        const one = a[1][0], other = b[1][0];
        if (one.file !== other.file) return one.file < other.file ? -1 : 1;
        return (one.row || 0) - (other.row || 0);
      }));
    },

    _draw: function () {
      const groups = Array.from(this._groups());
      this._list.textContent = '';
      this._items = new Map();
      if (!groups.length) {
        this._list.appendChild(element('p', { class: 'jr-none' },
          [this._all.length ? this._words.none_shown : this._words.none]));
      }
      const most = this._limits.groups || STEP;
      groups.slice(0, most).forEach(function (pair) {
        this._list.appendChild(this._section(pair[0], pair[1]));
      }, this);
      if (groups.length > most) {
        this._list.appendChild(this._more('groups', most, groups.length - most));
      }
    },

    _section: function (key, members) {
      const by = this._group.value, first = members[0], words = this._words;
      const most = this._limits[key] || (by === 'code' ? 8 : STEP);
      const shown = members.slice(0, most).map(function (one) { return this._item(one, by); }, this);
      const rest = members.length - shown.length;
      const body = element('div', { hidden: this._closed[key] }, [
        by === 'code' && this._alike(members, 'mend')
          ? element('p', { class: 'jr-mend' }, [say(words.mend, { mend: first.mend })]) : null,
        element('ul', {}, shown), rest > 0 ? this._more(key, most, rest) : null]);
      if (by === 'none') return element('section', {}, [body]);
      const fold = element('button', { type: 'button', class: 'jr-fold',
        'aria-expanded': String(!this._closed[key]), on: { click: function () {
          this._closed[key] = !this._closed[key];
          body.hidden = this._closed[key];
          fold.setAttribute('aria-expanded', String(!this._closed[key]));
        }.bind(this) } }, [
        Jingtu.mark(first.look),
        element('span', { class: 'jr-name' }, [element('bdi', {}, [by === 'code'
          ? first.look.label + ' \u00b7 ' + this._code_of(first).label
          : this.where(first) || words.whole_file])]),
        element('b', {}, [number(by === 'code' ? this._count_of(first, members) : members.length)])
      ]);
      return element('section', {}, [element('h2', {}, [fold]), body]);
    },

    // Of all findings of the code while nothing is filtered, else of those shown.
    _count_of: function (first, members) {
      const all = this.shown.length === this._all.length;
      return all ? this._code_of(first).count : members.length;
    },

    _code_of: function (first) {
      return this._config.codes.filter(function (one) {
        return one.key === first.code && one.severity === first.severity;
      })[0];
    },

    _alike: function (members, part) {
      return members.every(function (one) { return one[part] === members[0][part]; });
    },

    where: function (one) {
      const parts = [one.row == null ? null : say(this._words.row, { row: number(one.row) }),
        one.number];
      if (this._config.files > 1) parts.unshift(one.file);
      return parts.filter(function (part) { return part != null; }).join('  ');
    },

    _item: function (one, by) {
      const words = this._words, where = by === 'place' ? null : this.where(one);
      const button = element('button', { type: 'button', class: 'jr-item', 'data-n': one.n,
        'aria-current': this.chosen === one ? 'true' : null,
        on: { click: function () { this._choose(one, 'list'); }.bind(this) } }, [
        by === 'code' ? null : Jingtu.mark(one.look),
        element('span', {}, [
          where ? element('bdi', { class: 'jr-where' }, [where]) : null,
          element('bdi', {}, [one.what]),
          by === 'code' ? null : element('bdi', { class: 'jr-mend' },
            [say(words.mend, { mend: one.mend })])]),
        one.placed ? element('span', { class: 'jr-pin', title: words.on_map }, ['\u25c9']) : null]);
      this._items.set(one, button);
      return element('li', {}, [button]);
    },

    _more: function (key, shown, rest) {
      return element('button', { type: 'button', class: 'jr-more', on: { click: function () {
        this._limits[key] = shown + STEP * 5;
        const at = this._list.scrollTop;
        this._draw();
        this._list.scrollTop = at;
      }.bind(this) } }, [say(this._words.more, { count: number(rest) })]);
    },

    // Marks a finding in the list, opening what hides it.
    mark: function (one, focus) {
      const before = this.chosen && this._items.get(this.chosen);
      if (before) before.removeAttribute('aria-current');
      this.chosen = one;
      if (!one) return;
      if (!this._items.has(one)) this._reveal(one);
      const button = this._items.get(one);
      if (!button) return;
      button.setAttribute('aria-current', 'true');
      button.scrollIntoView({ block: 'nearest' });
      if (focus) button.focus({ preventScroll: true });
    },

    _reveal: function (one) {
      const key = this._key(one), groups = Array.from(this._groups());
      const at = groups.findIndex(function (pair) { return pair[0] === key; });
      if (at < 0) return;
      this._closed[key] = false;
      this._limits.groups = Math.max(this._limits.groups || STEP, at + 1);
      this._limits[key] = Math.max(this._limits[key] || 0, groups[at][1].indexOf(one) + 1, 8);
      this._draw();
    },

    // Up and down go through the findings.
    _keys: function (event) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step) return;
      const all = Array.from(this._list.querySelectorAll('button')).filter(function (one) {
        return one.offsetParent !== null;
      });
      const next = all[all.indexOf(document.activeElement) + step];
      if (next) next.focus();
      event.preventDefault();
    },

    // Everything open for paper, as far as paper goes.
    paper: function (on) {
      if (!on) {
        this._limits = this._kept[0];
        this._closed = this._kept[1];
        this._draw();
        return;
      }
      this._kept = [this._limits, this._closed];
      this._closed = {};
      this._limits = { groups: PRINTED };
      let left = PRINTED;
      this._groups().forEach(function (members, key) {
        this._limits[key] = Math.max(1, Math.min(members.length, left));
        left -= this._limits[key];
      }, this);
      this._draw();
    }
  };

  Jingtu.FindingList = List;
})(window.Jingtu = window.Jingtu || {});
