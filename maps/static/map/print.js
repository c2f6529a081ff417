// The same map as a sheet of A4 paper, lying: title, map, legend, scale, date, notice.
(function (Jingtu) {
  'use strict';

  const MM_PER_PIXEL = 25.4 / 96;

  Jingtu.Print = function (map, words) {
    const scale = Jingtu.element('p', { class: 'jt-paper-scale' });
    map.getContainer().appendChild(scale);
    let before = null;

    function sheet(on) {
      if (on === document.documentElement.classList.contains('jt-paper')) return;
      const centre = map.getCenter(), view = map.getBounds();
      document.documentElement.classList.toggle('jt-paper', on);
      map.invalidateSize({ animate: false, pan: false });
      if (on) {
        before = { centre: centre, zoom: map.getZoom() };
        const zoom = map.getBoundsZoom(view);
        map.setView(centre, Math.max(zoom, before.zoom - 1), { animate: false });
        const middle = map.getCenter().lat * Math.PI / 180;
        const metres = Jingtu.WORLD * Math.cos(middle) / 256 / Math.pow(2, map.getZoom());
        const ratio = metres * 1000 / MM_PER_PIXEL;
        const digits = Math.pow(10, Math.floor(Math.log10(ratio)) - 1);
        scale.textContent = Jingtu.say(words.paper_scale,
          { scale: Jingtu.number(Math.round(ratio / digits) * digits) });
      } else if (before) {
        map.setView(before.centre, before.zoom, { animate: false });
      }
    }

    window.addEventListener('beforeprint', function () { sheet(true); });
    window.addEventListener('afterprint', function () { sheet(false); });
    const paper = window.matchMedia('print');
    const follow = function (event) { sheet(event.matches); };
    if (paper.addEventListener) paper.addEventListener('change', follow);
    else paper.addListener(follow);
  };
})(window.Jingtu = window.Jingtu || {});
