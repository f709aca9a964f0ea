// The mathematics of gnc_core/mixture/ in one dimension that the page needs while something moves, upon mixture.js, in double
// precision. tests/browser compares the two.

// Schedules of S steps from sigma0 to end, one step being sigma0 alone; and one sigma throughout: plain gradient descent.
const SCHEDULES = {
  logarithmic: (sigma0, end, steps) => between(steps, (t) => sigma0 * (end / sigma0) ** t),
  linear: (sigma0, end, steps) => between(steps, (t) => sigma0 + (end - sigma0) * t),
  constant: (sigma, end, steps) => Array(steps).fill(sigma),
};
const between = (steps, at) => Array.from({ length: steps }, (_, i) => at(i === 0 ? 0 : i / (steps - 1)));

// Algorithm 1, x <- x - sigma_i^2 E'(x, sigma_i): S + 1 arrays, the starts first.
function flow(rows, starts, sigmas) {
  const path = [starts];
  for (const sigma of sigmas) {
    const components = smoothed(rows, sigma);
    path.push(path.at(-1).map((x) => x - sigma * sigma * gradient(components, x)));
  }
  return path;
}

const spaced = (count) => Array.from({ length: count }, (_, i) => -1 + (2 * i) / (count - 1));

// Points of [-1, 1], ascending, that resolve E(., sigma): `count` equidistant ones, and some around every mean.
function resolving(rows, sigma, count) {
  const around = rows.flatMap(([, mean, s]) => spaced(25).map((t) => mean + 6 * t * Math.hypot(s, sigma)));
  return [...new Set([...spaced(count), ...around.filter((x) => Math.abs(x) <= 1)])].sort((a, b) => a - b);
}

// The local minimisers of E(., sigma), ascending: where E' rises through zero, by bisection.
function minimisers(rows, sigma) {
  const xs = resolving(rows, sigma, 2001), components = smoothed(rows, sigma), found = [];
  const slopes = xs.map((x) => gradient(components, x));
  xs.forEach((x, n) => {
    if (slopes[n] === 0 && slopes[n - 1] < 0) found.push(x);
    if (!(slopes[n] < 0 && slopes[n + 1] > 0)) return;
    let [low, high] = [x, xs[n + 1]];
    for (let round = 0; round < 50; round++) {
      const middle = (low + high) / 2;
      if (gradient(components, middle) < 0) low = middle;
      else high = middle;
    }
    found.push((low + high) / 2);
  });
  return slopes[0] === 0 ? [-1, ...found] : found;  // means lie in [-1, 1]: there, a minimum at the end is a mean
}

// All local minimisers of E(., 0), or of E(., end) with Dirac components, and the global ones among them.
function goals(rows, end) {
  const last = rows.some(([w, , s]) => w > 0 && s < 1e-100) ? end : 0, all = minimisers(rows, last);
  const energies = all.map((x) => energy(rows, x, last)), lowest = Math.min(...energies);
  return { last, all, lowest: all.filter((_, n) => energies[n] <= lowest + 1e-9) };
}

const attains = (x, places, tolerance) => places.some((place) => Math.abs(x - place) <= tolerance);

// The step from x at sigma, and p(. | x), a mixture again: rows of it.
function takeApart(rows, x, sigma) {
  const components = smoothed(rows, sigma), [E, slope] = derivatives(components, x);
  const [sum] = responsibilities(components, x), v = rows.filter(([w]) => w > 0).map(([, , s]) => s * s), noise = sigma * sigma;
  const posterior = components.map(({ r, mean, C }, k) => [r / sum, (v[k] * x + noise * mean) / C, Math.sqrt((v[k] * noise) / C)]);
  const mean = posterior.reduce((total, [w, m]) => total + w * m, 0);
  const variance = posterior.reduce((total, [w, m, s]) => total + w * (s * s + (m - mean) ** 2), 0);
  return { energy: E, gradient: slope, step: -noise * slope, mean, deviation: Math.sqrt(variance), posterior };
}
