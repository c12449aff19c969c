"use strict";
// The series in full: unpacked from the page, and reduced to what a chart can show of a stretch.
const Arrays = (() => {
  const TYPES = { f4: Float32Array, f8: Float64Array, i4: Int32Array, u2: Uint16Array };
  const MISSING = 65535;

  async function inflate(text) {
    const packed = atob(text);
    const bytes = new Uint8Array(packed.length);
    for (let i = 0; i < packed.length; i += 1) bytes[i] = packed.charCodeAt(i);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  // See kad/report/arrays.py.
  async function unpack({ type, length, data, differences, low, step }) {
    const bytes = await inflate(data);
    const size = TYPES[type].BYTES_PER_ELEMENT;
    const whole = new Uint8Array(bytes.length);
    for (let plane = 0; plane < size; plane += 1) {
      for (let i = 0; i < length; i += 1) whole[i * size + plane] = bytes[plane * length + i];
    }
    const values = new TYPES[type](whole.buffer);
    if (differences) for (let i = 1; i < length; i += 1) values[i] += values[i - 1];
    if (type !== "u2") return values;
    return Float64Array.from(values, (code) => (code === MISSING ? NaN : low + code * step));
  }

  // Which rows of lines from..to are worth drawing: of every part of the stretch the first, lowest
  // and highest of each line, so that no peak is lost. All of them where they fit.
  function thin(lines, from, to, parts) {
    const rows = [];
    const width = Math.ceil((to - from) / parts);
    if (width <= 4) {
      for (let row = from; row < to; row += 1) rows.push(row);
      return rows;
    }
    for (let start = from; start < to; start += width) {
      const end = Math.min(start + width, to);
      const chosen = [start];
      for (const line of lines) {
        let lowest = -1;
        let highest = -1;
        for (let row = start; row < end; row += 1) {
          const value = line[row];
          if (Number.isNaN(value)) continue;
          if (lowest < 0 || value < line[lowest]) lowest = row;
          if (highest < 0 || value > line[highest]) highest = row;
        }
        if (lowest >= 0) chosen.push(lowest, highest);
      }
      chosen.sort((a, b) => a - b);
      chosen.forEach((row, i) => {
        if (!i || row !== chosen[i - 1]) rows.push(row);
      });
    }
    return rows;
  }

  return { unpack, thin };
})();
