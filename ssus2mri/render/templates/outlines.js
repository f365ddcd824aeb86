"use strict";
// Outlines of a grey picture by the steps of Canny: smooth, gradient, thin, and keep lines that are
// strong somewhere. Returns a mask of the same length.
const outlines = (grey, width, height) => {
  const at = (row, column) => row * width + column;
  const smoothed = new Float32Array(grey.length), rows = new Float32Array(grey.length);
  const weights = [1, 4, 6, 4, 1];
  const blur = (source, target, step, inside) => {
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        let sum = 0, total = 0;
        for (let k = -2; k <= 2; k++) {
          if (inside(row, column, k)) { sum += weights[k + 2] * source[at(row, column) + k * step]; total += weights[k + 2]; }
        }
        target[at(row, column)] = sum / total;
      }
    }
  };
  blur(grey, rows, 1, (row, column, k) => column + k >= 0 && column + k < width);
  blur(rows, smoothed, width, (row, column, k) => row + k >= 0 && row + k < height);

  const strength = new Float32Array(grey.length), thin = new Float32Array(grey.length);
  const gx = new Float32Array(grey.length), gy = new Float32Array(grey.length);
  for (let row = 1; row < height - 1; row++) {
    for (let column = 1; column < width - 1; column++) {
      const p = at(row, column), s = smoothed;
      gx[p] = s[p - width + 1] + 2 * s[p + 1] + s[p + width + 1] - s[p - width - 1] - 2 * s[p - 1] - s[p + width - 1];
      gy[p] = s[p + width - 1] + 2 * s[p + width] + s[p + width + 1] - s[p - width - 1] - 2 * s[p - width] - s[p - width + 1];
      strength[p] = Math.hypot(gx[p], gy[p]);
    }
  }
  const highest = strength.reduce((a, b) => Math.max(a, b), 0);
  for (let row = 1; row < height - 1; row++) {
    for (let column = 1; column < width - 1; column++) {
      const p = at(row, column), steep = Math.abs(gy[p]) > Math.abs(gx[p]);
      const diagonal = Math.abs(gx[p]) > 0.41 * Math.abs(gy[p]) && Math.abs(gy[p]) > 0.41 * Math.abs(gx[p]);
      const step = diagonal ? (gx[p] * gy[p] > 0 ? width + 1 : width - 1) : steep ? width : 1;
      if (strength[p] >= strength[p - step] && strength[p] > strength[p + step]) thin[p] = strength[p];
    }
  }
  const lines = new Uint8Array(grey.length), open = [];
  thin.forEach((value, p) => { if (value > 0.15 * highest) { lines[p] = 1; open.push(p); } });
  while (open.length) {
    const p = open.pop();
    for (const step of [-width - 1, -width, -width + 1, -1, 1, width - 1, width, width + 1]) {
      if (!lines[p + step] && thin[p + step] > 0.07 * highest) { lines[p + step] = 1; open.push(p + step); }
    }
  }
  return lines;
};
