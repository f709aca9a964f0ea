// The mathematics of gnc_core/mixture/ for Dirac components of equal weight in the plane, in double precision, so that the
// page can follow a slider or a pointer without the server. tests/browser compares the two.
//
// points: [[x1, x2], ...]; sigma > 0.
// E(x) = -log sum_i N(x; mu_i, sigma^2 I) / N,   m(x) = sum_i r_i mu_i = x - sigma^2 grad E,
// smallest eigenvalue of hess E = (1 - lambda_max(Cov_r(mu)) / sigma^2) / sigma^2.

// Responsibilities r_i up to their sum, into `r`; returns [their sum, the smallest squared distance].
function responsibilities(points, sigma, x, y, r) {
  let nearest = Infinity;
  for (let i = 0; i < points.length; i++) {
    const dx = points[i][0] - x, dy = points[i][1] - y;
    r[i] = dx * dx + dy * dy;
    if (r[i] < nearest) nearest = r[i];
  }
  let total = 0;
  for (let i = 0; i < points.length; i++) {
    r[i] = Math.exp((nearest - r[i]) / (2 * sigma * sigma));  // the nearest has 1: no underflow of the sum
    total += r[i];
  }
  return [total, nearest];
}

// {energy, eigenvalue} at (x, y); `eigenvalue` is the smallest one of hess E.
function energyAndCurvature(points, sigma, x, y, r = new Float64Array(points.length)) {
  const C = sigma * sigma;
  const [total, nearest] = responsibilities(points, sigma, x, y, r);
  let mx = 0, my = 0;
  for (let i = 0; i < points.length; i++) {
    mx += r[i] * points[i][0];
    my += r[i] * points[i][1];
  }
  mx /= total;
  my /= total;
  let a = 0, b = 0, c = 0;  // the covariance of the means, centred first
  for (let i = 0; i < points.length; i++) {
    const dx = points[i][0] - mx, dy = points[i][1] - my;
    a += r[i] * dx * dx;
    b += r[i] * dx * dy;
    c += r[i] * dy * dy;
  }
  const largest = ((a + c) / 2 + Math.hypot((a - c) / 2, b)) / total;
  return {
    energy: nearest / (2 * C) - Math.log(total / points.length) + Math.log(2 * Math.PI * C),
    eigenvalue: (1 - largest / C) / C,
  };
}

// One step x <- x - sigma^2 grad E: the mean of the points under the responsibilities.
function posteriorMean(points, sigma, [x, y], r = new Float64Array(points.length)) {
  const [total] = responsibilities(points, sigma, x, y, r);
  let mx = 0, my = 0;
  for (let i = 0; i < points.length; i++) {
    mx += r[i] * points[i][0];
    my += r[i] * points[i][1];
  }
  return [mx / total, my / total];
}

// sigma_0 (sigma_end / sigma_0)^(i / (S - 1)); one step is sigma_0 alone.
function schedule(sigma0, sigmaEnd, steps) {
  return Array.from({ length: steps }, (_, i) => (i === 0 ? sigma0 : sigma0 * (sigmaEnd / sigma0) ** (i / (steps - 1))));
}

// The trajectories of all starts: S + 1 arrays of points, the starts first.
function flow(points, starts, sigmas) {
  const r = new Float64Array(points.length);
  const path = [starts];
  for (const sigma of sigmas) path.push(path.at(-1).map((x) => posteriorMean(points, sigma, x, r)));
  return path;
}

// The points that lie farther than `tolerance` from all that were kept before them.
function distinct(points, tolerance) {
  const kept = [];
  for (const [x, y] of points) {
    if (kept.every(([u, v]) => Math.hypot(x - u, y - v) > tolerance)) kept.push([x, y]);
  }
  return kept;
}

// The largest distance of two points.
function diameter(points) {
  let most = 0;
  for (const [x, y] of points) for (const [u, v] of points) most = Math.max(most, Math.hypot(x - u, y - v));
  return most;
}

// Energies and normalised eigenvalues sigma^2 lambda_min (at most 1) on n x n points of [-view, view]^2, rows upwards.
function field(points, sigma, view, n) {
  const energy = new Float64Array(n * n), bend = new Float64Array(n * n), r = new Float64Array(points.length);
  let low = Infinity, high = -Infinity, negative = 0;
  for (let j = 0; j < n; j++) {
    const y = view * ((2 * j) / (n - 1) - 1);
    for (let i = 0; i < n; i++) {
      const found = energyAndCurvature(points, sigma, view * ((2 * i) / (n - 1) - 1), y, r);
      energy[j * n + i] = found.energy;
      bend[j * n + i] = sigma * sigma * found.eigenvalue;
      low = Math.min(low, found.energy);
      high = Math.max(high, found.energy);
      if (found.eigenvalue < 0) negative += 1;
    }
  }
  return { n, energy, bend, low, high, share: negative / (n * n) };
}

// Marching squares: the segments [x0, y0, x1, y1] (in cells) where the n x n `values` cross `level`.
function contour(values, n, level) {
  const segments = [];
  for (let j = 0; j < n - 1; j++) {
    for (let i = 0; i < n - 1; i++) {
      const k = j * n + i;
      const v = [values[k] - level, values[k + 1] - level, values[k + n + 1] - level, values[k + n] - level];
      const crossings = [];
      if (v[0] < 0 !== v[1] < 0) crossings.push([i + v[0] / (v[0] - v[1]), j]);
      if (v[1] < 0 !== v[2] < 0) crossings.push([i + 1, j + v[1] / (v[1] - v[2])]);
      if (v[3] < 0 !== v[2] < 0) crossings.push([i + v[3] / (v[3] - v[2]), j + 1]);
      if (v[0] < 0 !== v[3] < 0) crossings.push([i, j + v[0] / (v[0] - v[3])]);
      for (let c = 0; c + 1 < crossings.length; c += 2) segments.push([...crossings[c], ...crossings[c + 1]]);
    }
  }
  return segments;
}
