// Reads what maps/encoding.py writes: base64, compressed bytes, and whole numbers of any length.
(function (Jingtu) {
  'use strict';

  const LENGTH_BASE = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59,
    67, 83, 99, 115, 131, 163, 195, 227, 258];
  const LENGTH_BITS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4,
    5, 5, 5, 5, 0];
  const BACK_BASE = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513,
    769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577];
  const BACK_BITS = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10,
    11, 11, 12, 12, 13, 13];
  const LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

  Jingtu.fromBase64 = function (text) {
    const binary = atob(text.trim());
    const bytes = new Uint8Array(binary.length);
    for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
    return bytes;
  };

  // Browsers before 2020 (Firefox: 2023) cannot decompress by themselves.
  Jingtu.decompress = function (bytes) {
    if (typeof DecompressionStream === 'undefined') return Promise.resolve(inflate(bytes));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
    return new Response(stream).arrayBuffer().then(function (buffer) {
      return new Uint8Array(buffer);
    });
  };

  // RFC 1951 inside RFC 1950.
  function inflate(source) {
    let place = 2, held = 0, count = 0, size = 0;
    let out = new Uint8Array(Math.max(1024, source.length * 4));

    function need(bits) {
      while (count < bits) {
        held |= source[place++] << count;
        count += 8;
      }
      const taken = held & ((1 << bits) - 1);
      held >>>= bits;
      count -= bits;
      return taken;
    }

    function room(more) {
      if (size + more <= out.length) return;
      const larger = new Uint8Array(Math.max(out.length * 2, size + more));
      larger.set(out.subarray(0, size));
      out = larger;
    }

    function symbol(tree) {
      let code = 0, first = 0, index = 0;
      for (let length = 1; length < 16; length++) {
        code |= need(1);
        const here = tree.counts[length];
        if (code - here < first) return tree.symbols[index + code - first];
        index += here;
        first = (first + here) << 1;
        code <<= 1;
      }
      throw new Error('damaged data');
    }

    function stored() {
      held = count = 0;
      const length = source[place] | (source[place + 1] << 8);
      place += 4;
      room(length);
      out.set(source.subarray(place, place + length), size);
      place += length;
      size += length;
    }

    function block(literals, backs) {
      for (;;) {
        const found = symbol(literals);
        if (found === 256) return;
        if (found < 256) {
          room(1);
          out[size++] = found;
          continue;
        }
        const length = LENGTH_BASE[found - 257] + need(LENGTH_BITS[found - 257]);
        const far = symbol(backs);
        const back = BACK_BASE[far] + need(BACK_BITS[far]);
        room(length);
        for (let i = 0; i < length; i++, size++) out[size] = out[size - back];
      }
    }

    function trees() {
      const literals = need(5) + 257, backs = need(5) + 1, given = need(4) + 4;
      const lengths = new Uint8Array(320);
      for (let i = 0; i < given; i++) lengths[LENGTH_ORDER[i]] = need(3);
      const code = tree(lengths.subarray(0, 19));
      const all = new Uint8Array(literals + backs);
      for (let i = 0; i < all.length;) {
        const found = symbol(code);
        if (found < 16) {
          all[i++] = found;
          continue;
        }
        const again = found === 16 ? 3 + need(2) : found === 17 ? 3 + need(3) : 11 + need(7);
        all.fill(found === 16 ? all[i - 1] : 0, i, i + again);
        i += again;
      }
      return [tree(all.subarray(0, literals)), tree(all.subarray(literals))];
    }

    for (let last = 0; !last;) {
      last = need(1);
      const kind = need(2);
      if (kind === 0) stored();
      else if (kind === 1) block(FIXED[0], FIXED[1]);
      else block.apply(null, trees());
    }
    return out.subarray(0, size);
  }

  function tree(lengths) {
    const counts = new Uint16Array(16), start = new Uint16Array(16);
    for (let i = 0; i < lengths.length; i++) counts[lengths[i]]++;
    counts[0] = 0;
    for (let i = 1; i < 16; i++) start[i] = start[i - 1] + counts[i - 1];
    const symbols = new Uint16Array(lengths.length);
    for (let i = 0; i < lengths.length; i++) if (lengths[i]) symbols[start[lengths[i]]++] = i;
    return { counts: counts, symbols: symbols };
  }

  const FIXED = (function () {
    const lengths = new Uint8Array(288);
    lengths.fill(8, 0, 144);
    lengths.fill(9, 144, 256);
    lengths.fill(7, 256, 280);
    lengths.fill(8, 280, 288);
    return [tree(lengths), tree(new Uint8Array(30).fill(5))];
  })();

  Jingtu.inflate = inflate;

  // Fills `into` with numbers from 0 and gives the place behind them.
  Jingtu.readVarints = function (bytes, place, into) {
    for (let i = 0; i < into.length; i++) {
      let number = 0, shift = 0, byte;
      do {
        byte = bytes[place++];
        number |= (byte & 127) << shift;
        shift += 7;
      } while (byte > 127);
      into[i] = number;
    }
    return place;
  };

  // The same for numbers of either sign.
  Jingtu.readSigned = function (bytes, place, into) {
    const end = Jingtu.readVarints(bytes, place, into);
    for (let i = 0; i < into.length; i++) into[i] = (into[i] >>> 1) ^ -(into[i] & 1);
    return end;
  };
})(window.Jingtu = window.Jingtu || {});
