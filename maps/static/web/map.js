// The map of the register: what is chosen stands in the address, tiles and counts follow it.
(function (Jingtu) {
  'use strict';

  const element = Jingtu.element;

  function State(config) {
    const asked = new URLSearchParams(location.search);
    const listed = asked.getAll('layer');
    this.config = config;
    this.on = asked.get('on') || config.today;
    this.district = asked.get('district') || '';
    this.layers = config.layers.map(function (layer) {
      const off = new Set(asked.getAll('without').filter(function (one) {
        return one.startsWith(layer.key + '.');
      }).map(function (one) { return one.slice(layer.key.length + 1); }));
      return Object.assign({}, layer, {
        on: listed.length ? listed.includes(layer.key) : layer.on, off: off
      });
    });
  }

  State.prototype = {
    // What a tile or a count of a layer is asked with.
    query: function (layer) {
      const asked = new URLSearchParams();
      if (this.on !== this.config.today) asked.set('on', this.on);
      if (this.district) asked.set('district', this.district);
      if (layer.off.size) {
        layer.stages.forEach(function (stage) {
          if (!layer.off.has(stage.key)) asked.append('stage', stage.key);
        });
        // None is ticked: a stage that no layer has.
        if (layer.off.size === layer.stages.length) asked.append('stage', '-');
      }
      return asked;
    },

    // The address of this page as it is now, to be kept or sent.
    keep: function (map) {
      const asked = new URLSearchParams();
      if (this.on !== this.config.today) asked.set('on', this.on);
      if (this.district) asked.set('district', this.district);
      this.layers.forEach(function (layer) {
        if (layer.on) asked.append('layer', layer.key);
        layer.off.forEach(function (stage) { asked.append('without', layer.key + '.' + stage); });
      });
      const centre = map.getCenter();
      asked.set('at', [centre.lat.toFixed(5), centre.lng.toFixed(5), map.getZoom()].join(','));
      history.replaceState(null, '', '?' + asked);
    }
  };

  function asking(path, query) {
    return fetch(path + '?' + query).then(function (answer) {
      if (answer.status === 401) { location.reload(); }
      return answer.json();
    });
  }

  function notice(map, lines) {
    const control = L.control({ position: 'bottomright' });
    control.onAdd = function () {
      return element('div', { class: 'jw-notice' }, lines.map(function (line) {
        return element('p', {}, [line]);
      }));
    };
    control.addTo(map);
  }

  // Names of the districts, as long as there is room for them.
  function names(map, districts) {
    districts.forEach(function (district) {
      L.tooltip({ permanent: true, direction: 'center', className: 'jw-name', interactive: false })
        .setLatLng(district.at).setContent(element('span', {}, [district.name])).addTo(map);
    });
    function fit() { map.getContainer().classList.toggle('jw-near', map.getZoom() > 12); }
    map.on('zoomend', fit);
    fit();
  }

  Jingtu.serve = function (map, outlines, config) {
    const state = new State(config), words = config.words;
    const status = document.getElementById('jw-status');
    const container = map.getContainer();
    container.id = 'jw-map';
    container.setAttribute('role', 'region');
    container.setAttribute('aria-label', words.map);
    map.attributionControl.remove();
    map.zoomControl.setPosition('topright');
    [['_zoomInButton', 'zoom_in'], ['_zoomOutButton', 'zoom_out']].forEach(function (one) {
      map.zoomControl[one[0]].title = words[one[1]];
      map.zoomControl[one[0]].setAttribute('aria-label', words[one[1]]);
    });
    L.control.scale({ imperial: false }).addTo(map);
    notice(map, config.notice);
    names(map, config.districts);
    outlines.setStyle({ color: '#3d5a4d', weight: 1.2, fillOpacity: 0.03, interactive: false });

    const asked = (new URLSearchParams(location.search).get('at') || '').split(',').map(Number);
    if (asked.length === 3 && asked.every(isFinite)) map.setView([asked[0], asked[1]], asked[2]);
    else map.fitBounds(config.bounds, { animate: false });

    const drawn = state.layers.map(function (layer) {
      return new Jingtu.TileLayer(layer, function (c) {
        return '/tiles/' + encodeURIComponent(layer.key) + '/' + c.z + '/' + c.x + '/' + c.y + '?' +
          state.query(layer);
      });
    });

    function box() {
      const b = map.getBounds();
      return [b.getWest(), b.getSouth(), b.getEast(), b.getNorth()].map(function (side) {
        return side.toFixed(6);
      }).join(',');
    }

    let turn = 0;
    function count() {
      const mine = ++turn;
      const on = state.layers.filter(function (layer) { return layer.on; });
      return Promise.all(on.map(function (layer) {
        const query = state.query(layer);
        query.delete('stage');
        query.set('bbox', box());
        return asking('/api/layers/' + encodeURIComponent(layer.key) + '/counts', query);
      })).then(function (answers) {
        if (mine !== turn) return;
        let total = 0;
        answers.forEach(function (answer, n) {
          total += answer.total;
          on[n].stages.forEach(function (stage) {
            const place = document.getElementById('jw-n-' + on[n].key + '-' + stage.key);
            if (place) place.textContent = Jingtu.number(answer.stages[stage.key] || 0);
          });
        });
        status.textContent = Jingtu.say(words.in_view, { count: Jingtu.number(total) });
      });
    }

    function changed() {
      state.layers.forEach(function (layer, n) {
        if (layer.on && !map.hasLayer(drawn[n])) map.addLayer(drawn[n]);
        else if (!layer.on && map.hasLayer(drawn[n])) map.removeLayer(drawn[n]);
        else if (layer.on) drawn[n].again();
      });
      state.keep(map);
      return count();
    }

    // Layers and their stages, each a box to tick with its mark and its count.
    function list() {
      const place = document.getElementById('jw-layers');
      state.layers.forEach(function (layer) {
        const whole = element('input', { type: 'checkbox', id: 'jw-l-' + layer.key });
        whole.checked = layer.on;
        const stages = element('ul', {}, layer.stages.map(function (stage, n) {
          const tick = element('input', { type: 'checkbox', id: 'jw-s-' + layer.key + '-' + stage.key });
          tick.checked = !layer.off.has(stage.key);
          tick.addEventListener('change', function () {
            layer.off[tick.checked ? 'delete' : 'add'](stage.key);
            changed();
          });
          return element('li', {}, [
            tick, Jingtu.swatch(layer.marks[n], true, false),
            element('label', { for: tick.id }, [stage.label]),
            element('b', { id: 'jw-n-' + layer.key + '-' + stage.key }, [''])
          ]);
        }));
        stages.hidden = !layer.on;
        whole.addEventListener('change', function () {
          layer.on = whole.checked;
          stages.hidden = !layer.on;
          changed();
        });
        place.appendChild(element('section', {}, [
          element('h2', {}, [whole, element('label', { for: whole.id }, [layer.label])]), stages
        ]));
      });
    }

    function facts(one) {
      const rows = one.facts.map(function (fact) {
        return element('div', {}, [element('dt', {}, [fact[0]]), element('dd', {}, [fact[1]])]);
      });
      return element('section', { class: 'jw-parcel' }, [
        element('h3', {}, [one.name || one.code || words.unnamed]),
        element('p', {}, [[one.layer_label, one.stage, one.area].filter(Boolean).join(' · ')]),
        element('dl', {}, rows),
        element('p', {}, [element('a', { href: '/parcels/' + encodeURIComponent(one.layer) + '/' + one.parcel +
          '?on=' + state.on }, [words.more])])
      ]);
    }

    function show(found, at) {
      if (!found.length) { status.textContent = words.nothing_here; return; }
      L.popup({ maxWidth: 340, maxHeight: 320 }).setLatLng(at).setContent(
        element('div', { class: 'jw-popup' }, found.map(facts))).openOn(map);
    }

    map.on('click', function (event) {
      const query = new URLSearchParams({ lon: event.latlng.lng, lat: event.latlng.lat, on: state.on });
      state.layers.filter(function (layer) { return layer.on; }).forEach(function (layer) {
        query.append('layer', layer.key);
      });
      // Six pixels, in metres at this zoom: a finger does not hit a point exactly.
      const metres = 40075017 * Math.cos(event.latlng.lat * Math.PI / 180) / 256 / Math.pow(2, map.getZoom());
      query.set('reach_m', Math.min(5000, 6 * metres).toFixed(1));
      asking('/api/at', query).then(function (answer) { show(answer.found || [], event.latlng); });
    });

    document.getElementById('jw-search').addEventListener('submit', function (event) {
      event.preventDefault();
      const place = document.getElementById('jw-found');
      const query = new URLSearchParams({ q: document.getElementById('jw-q').value, on: state.on });
      asking('/api/search', query).then(function (answer) {
        place.replaceChildren(answer.found.length ? element('ul', {}, answer.found.map(function (one) {
          const go = element('button', { type: 'button' }, [
            (one.name || one.code || words.unnamed) + ' · ' + one.layer_label]);
          go.addEventListener('click', function () {
            if (!one.bounds) { show([one], map.getCenter()); return; }
            const b = one.bounds;
            map.fitBounds([[b[1], b[0]], [b[3], b[2]]], { maxZoom: 17, animate: false });
            show([one], [(b[1] + b[3]) / 2, (b[0] + b[2]) / 2]);
          });
          return element('li', {}, [go]);
        })) : element('p', {}, [words.nothing_found]));
      });
    });

    const place = document.getElementById('jw-place');
    place.appendChild(element('option', { value: '' }, [words.whole_city]));
    config.districts.forEach(function (district) {
      place.appendChild(element('option', { value: district.code }, [district.name]));
    });
    place.value = state.district;
    place.addEventListener('change', function () {
      state.district = place.value;
      const chosen = config.districts.find(function (one) { return one.code === state.district; });
      map.fitBounds(chosen ? chosen.bounds : config.bounds, { animate: false });
      changed();
    });

    const day = document.getElementById('jw-on');
    day.value = state.on;
    day.addEventListener('change', function () {
      state.on = day.value || config.today;
      changed();
    });
    document.getElementById('jw-today').addEventListener('click', function () {
      day.value = state.on = config.today;
      changed();
    });

    map.on('moveend', function () { state.keep(map); count(); });
    list();
    changed().then(function () { document.documentElement.setAttribute('data-jt-ready', ''); });
    Jingtu.map = map;
  };
})(window.Jingtu = window.Jingtu || {});
