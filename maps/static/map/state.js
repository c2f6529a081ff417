// What is shown: which layers and stages, in which district or unit; who looks is told of changes.
(function (Jingtu) {
  'use strict';

  function Layer(state, declared, number) {
    this.state = state;
    this.number = number;
    Object.assign(this, declared);
    this.stageOn = declared.stages.map(function () { return true; });
    this.boundaries = null;
    this.columns = null;
  }

  Layer.prototype = {
    // Whether a parcel passes the filters; the layer itself may be off.
    shows: function (i) {
      return this.stageOn[this.boundaries.tags.stages[i]] && this.inPlace(i);
    },

    inPlace: function (i) {
      const place = this.state.place;
      return !place || this.boundaries.tags[place.tag][i] === place.index;
    },

    // Parcels of each stage in the chosen place.
    counts: function () {
      // As declared, until the boundaries are read.
      if (!this.boundaries) return this.declared;
      const counts = this.stages.map(function () { return 0; });
      for (let i = 0; i < this.packed.count; i++) {
        if (this.inPlace(i)) counts[this.boundaries.tags.stages[i]]++;
      }
      return counts;
    },

    // Parcels in the chosen place that cannot be drawn.
    withoutBoundary: function () {
      let count = 0;
      for (let i = 0; this.boundaries && i < this.packed.count; i++) {
        if (this.inPlace(i) && !this.boundaries.has(i)) count++;
      }
      return count;
    },

    text: function (column, i) {
      const c = this.columns[column];
      if (c.each) return c.each[i];
      return c.at[i] < 0 ? null : c.words[c.at[i]];
    },

    code: function (i) { return this.text(0, i); },
    // What a parcel is called: its name, else its code.
    title: function (i) { return this.text(1, i) || this.code(i) || this.state.words.unnamed; }
  };

  function State(config) {
    this.words = config.words;
    this.place = null;
    this.shading = -1;
    this._listeners = [];
    this.layers = config.layers.map(function (declared, number) {
      return new Layer(this, declared, number);
    }, this);
  }

  State.prototype = {
    listen: function (listener) { this._listeners.push(listener); },
    changed: function () { this._listeners.forEach(function (one) { one(); }); },

    // Shows a parcel whatever the filters were.
    reveal: function (layer, i) {
      layer.on = true;
      layer.stageOn[layer.boundaries.tags.stages[i]] = true;
      if (!layer.inPlace(i)) this.place = null;
      this.changed();
    }
  };

  Jingtu.State = State;

  // A sentence with its fields filled in.
  Jingtu.say = function (sentence, fields) {
    return sentence.replace(/\{(\w+)\}/g, function (whole, name) {
      return name in fields ? fields[name] : whole;
    });
  };

  Jingtu.number = function (amount) {
    return String(amount).replace(/\B(?=(\d{3})+$)/g, ',');
  };

  // An element with attributes, holding text (never markup) and other elements.
  Jingtu.element = function (name, attributes, children) {
    const made = document.createElement(name);
    Object.keys(attributes || {}).forEach(function (key) {
      if (key === 'on') {
        Object.keys(attributes.on).forEach(function (event) {
          made.addEventListener(event, attributes.on[event]);
        });
      } else if (attributes[key] === true) made.setAttribute(key, '');
      else if (attributes[key] !== false && attributes[key] != null) {
        made.setAttribute(key, attributes[key]);
      }
    });
    (children || []).forEach(function (child) {
      if (child == null) return;
      made.appendChild(typeof child === 'object' ? child : document.createTextNode(child));
    });
    return made;
  };
})(window.Jingtu = window.Jingtu || {});
