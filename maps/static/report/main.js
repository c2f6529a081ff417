// Opens what the page carries and puts list and map together.
(function (Jingtu) {
  'use strict';

  const element = Jingtu.element;
  const COLUMNS = ['severity', 'code', 'file', 'number', 'field', 'found', 'what', 'mend', 'row',
    'lon', 'lat', 'shape', 'other'];

  function columns(id) {
    const packed = Jingtu.fromBase64(document.getElementById(id).textContent);
    return Jingtu.decompress(packed).then(function (bytes) {
      return JSON.parse(new TextDecoder().decode(bytes)).map(function (column) {
        return column.each || column.at.map(function (at) {
          return at < 0 ? null : column.words[at];
        });
      });
    });
  }

  function findings(read, config) {
    const looks = {};
    config.severities.forEach(function (one) { looks[one.key] = one; });
    return read[0].map(function (_, n) {
      const one = { n: n };
      COLUMNS.forEach(function (name, place) { one[name] = read[place][n]; });
      one.look = looks[one.severity];
      one.placed = one.lon != null || one.shape != null;
      one.text = [one.code, one.file, one.number, one.field, one.found, one.what, one.row]
        .filter(function (part) { return part != null; }).join(' ').toLowerCase();
      return one;
    });
  }

  // Names that would lie on one another are left out, the later ones first.
  function names(map, districts) {
    const labels = districts.map(function (district) {
      return L.marker(district.at, { icon: L.divIcon({ className: 'jt-district', iconSize: [0, 0],
        html: element('span', {}, [district.name]) }), interactive: false, keyboard: false,
      pane: 'names' }).addTo(map);
    });
    function declutter() {
      const taken = [];
      labels.forEach(function (label) {
        const span = label.getElement().firstChild;
        const at = map.latLngToLayerPoint(label.getLatLng());
        const half = L.point(span.offsetWidth / 2 + 2, span.offsetHeight / 2 + 1);
        const box = L.bounds(at.subtract(half), at.add(half));
        const free = taken.every(function (other) { return !other.overlaps(box); });
        label.getElement().style.visibility = free ? '' : 'hidden';
        if (free) taken.push(box);
      });
    }
    map.on('zoomend', declutter);
    declutter();
  }

  function dress(map, outlines, config) {
    const words = config.words;
    map.getContainer().setAttribute('aria-label', words.map);
    map.getContainer().setAttribute('role', 'region');
    map.attributionControl.remove();
    map.zoomControl.setPosition('topright');
    [['_zoomInButton', words.zoom_in], ['_zoomOutButton', words.zoom_out]].forEach(function (pair) {
      map.zoomControl[pair[0]].title = pair[1];
      map.zoomControl[pair[0]].setAttribute('aria-label', pair[1]);
    });
    outlines.setStyle({ color: '#7d8a83', weight: 1.1, fillColor: '#fdfcf9', fillOpacity: 1,
      interactive: false });
    L.control.scale({ imperial: false, maxWidth: 140 }).addTo(map);
    new Jingtu.Position(words).addTo(map);
    if (config.notice.length) {
      const notice = L.control({ position: 'bottomright' });
      notice.onAdd = function () {
        return element('div', { class: 'jt-notice' }, config.notice.map(function (line) {
          return element('p', {}, [line]);
        }));
      };
      notice.addTo(map);
    }
  }

  function paper(map, list, bounds) {
    let on = false, before = null;
    function turn(wanted) {
      if (on === wanted) return;
      on = wanted;
      document.documentElement.classList.toggle('jr-paper', on);
      list.paper(on);
      if (on) before = { centre: map.getCenter(), zoom: map.getZoom() };
      map.invalidateSize({ animate: false });
      if (on) map.fitBounds(bounds, { animate: false, padding: [20, 20], maxZoom: 17 });
      else map.setView(before.centre, before.zoom, { animate: false });
    }
    window.addEventListener('beforeprint', function () { turn(true); });
    window.addEventListener('afterprint', function () { turn(false); });
    const media = window.matchMedia('print');
    if (media.addEventListener) {
      media.addEventListener('change', function (event) { turn(event.matches); });
    }
  }

  // `map` and `outlines` are what Folium made: the map and the layer of the districts.
  Jingtu.report = function (map, outlines, config) {
    const root = document.documentElement;
    dress(map, outlines, config);
    return Promise.all([columns('jt-findings'), columns('jt-lines')]).then(function (read) {
      const found = findings(read[0], config);
      config.files = new Set(read[0][2]).size;
      let faults = null;
      function choose(one, from) {
        const before = list.chosen;
        list.mark(one || (from ? null : before), !one);
        if (!one) faults.hide();
        else faults.show(one, from === 'list');
      }
      const list = new Jingtu.FindingList(found, config, choose);
      document.body.insertBefore(list.element, document.body.firstChild);
      map.invalidateSize({ animate: false });
      map.fitBounds(config.bounds, { animate: false, padding: [40, 40], maxZoom: 17 });
      names(map, config.districts);
      faults = new Jingtu.Faults(map, config, list, read[1][0] || [], choose);
      paper(map, list, config.bounds);
      Jingtu.map = map;
      root.setAttribute('data-jt-ready', '');
    }).catch(function (fault) {
      document.body.appendChild(element('p', { class: 'jt-fault', role: 'alert' },
        [Jingtu.say(config.words.damaged, { reason: fault.message })]));
    });
  };
})(window.Jingtu = window.Jingtu || {});
