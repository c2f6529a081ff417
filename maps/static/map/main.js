// Opens what the page carries and puts the map together.
(function (Jingtu) {
  'use strict';

  function content(id) {
    return Jingtu.decompress(Jingtu.fromBase64(document.getElementById(id).textContent));
  }

  function loadBoundaries(layer) {
    return content('jt-boundaries-' + layer.number).then(function (bytes) {
      layer.boundaries = new Jingtu.Boundaries(layer.packed, bytes);
    });
  }

  function loadColumns(layer) {
    return content('jt-columns-' + layer.number).then(function (bytes) {
      layer.columns = JSON.parse(new TextDecoder().decode(bytes));
    });
  }

  function all(layers, load) {
    return Promise.all(layers.map(load));
  }

  // Two frames later the browser has put on the screen what was drawn.
  function afterPaint(then) {
    requestAnimationFrame(function () { requestAnimationFrame(then); });
  }

  function notice(map, lines) {
    const control = L.control({ position: 'bottomright' });
    control.onAdd = function () {
      return Jingtu.element('div', { class: 'jt-notice' }, lines.map(function (line) {
        return Jingtu.element('p', {}, [line]);
      }));
    };
    control.addTo(map);
  }

  // `map` and `outlines` are what Folium made: the map and the layer of the districts.
  Jingtu.start = function (map, outlines, config) {
    const root = document.documentElement;
    const state = new Jingtu.State(config);
    state.districts = config.districts;
    config.goTo = function (n) {
      map.fitBounds(config.districts[n].bounds, { animate: false, padding: [20, 20] });
    };
    map.getContainer().setAttribute('aria-label', state.words.map);
    map.getContainer().setAttribute('role', 'region');
    map.attributionControl.remove();
    map.zoomControl.setPosition('topright');
    map.zoomControl._zoomInButton.title = state.words.zoom_in;
    map.zoomControl._zoomOutButton.title = state.words.zoom_out;
    map.zoomControl._zoomInButton.setAttribute('aria-label', state.words.zoom_in);
    map.zoomControl._zoomOutButton.setAttribute('aria-label', state.words.zoom_out);
    notice(map, config.notice);
    L.control.scale({ imperial: false, maxWidth: 140 }).addTo(map);
    new Jingtu.Position(state.words).addTo(map);

    const popups = new Jingtu.Popups(map, state);
    const districts = new Jingtu.Districts(map, state, config, outlines, popups);
    const search = new Jingtu.Search(map, state, popups);
    const panel = new Jingtu.Panel(state, config, districts, search);
    document.body.insertBefore(panel.element, document.body.firstChild);
    map.on('click', function () { panel.open(false); });
    map.invalidateSize({ animate: false });
    map.fitBounds(config.bounds, { animate: false, padding: [16, 16] });
    Jingtu.Print(map, state.words);

    const grid = new Jingtu.ParcelGrid(state);
    const on = state.layers.filter(function (layer) { return layer.on; });
    const off = state.layers.filter(function (layer) { return !layer.on; });
    Jingtu.map = map;
    Jingtu.state = state;
    panel.show();
    return all(on, loadBoundaries).then(function () {
      map.addLayer(grid);
      afterPaint(function () {
        root.setAttribute('data-jt-painted', String(Math.round(performance.now())));
      });
      return all(off, loadBoundaries);
    }).then(function () {
      state.listen(grid.repaint.bind(grid));
      panel.show();
      return all(state.layers, loadColumns);
    }).then(function () {
      root.setAttribute('data-jt-ready', '');
    }).catch(function (fault) {
      const said = Jingtu.element('p', { class: 'jt-fault', role: 'alert' },
        [Jingtu.say(state.words.damaged, { reason: fault.message })]);
      document.body.appendChild(said);
    });
  };
})(window.Jingtu = window.Jingtu || {});
