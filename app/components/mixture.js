// A Gaussian mixture in one dimension: rows of (weight, mean, standard deviation), smoothed by sigma (method, section 1).

// p * N(0, sigma^2): of each component the log of its weight and normalisation, its mean, and its variance C.
function smoothed(rows, sigma) {
  const total = rows.reduce((sum, [w]) => sum + w, 0);
  return rows.filter(([w]) => w > 0).map(([w, mean, deviation]) => {
    const C = deviation * deviation + sigma * sigma;
    return { log: Math.log(w / total) - 0.5 * Math.log(2 * Math.PI * C), mean, C, r: 0 };
  });
}

// Responsibilities r_k up to their sum, kept with the components; returns [their sum, the largest log term].
function responsibilities(components, x) {
  let most = -Infinity, sum = 0;
  for (const k of components) {
    k.r = k.log - (0.5 * (x - k.mean) ** 2) / k.C;
    if (k.r > most) most = k.r;
  }
  for (const k of components) sum += k.r = Math.exp(k.r - most);
  return [sum, most];
}

// E'(x) = sum_k r_k a_k with a_k = (x - mu_k) / C_k.
function gradient(components, x) {
  const [sum] = responsibilities(components, x);
  let slope = 0;
  for (const k of components) slope += (k.r * (x - k.mean)) / k.C;
  return slope / sum;
}

// E(x) = -log sum_k exp(log_k), E' as above, and E'' = sum_k r_k / C_k - Var_r(a).
function derivatives(components, x) {
  const slope = gradient(components, x), [sum, most] = responsibilities(components, x);
  let curvature = 0;
  for (const k of components) curvature += k.r * (1 / k.C - ((x - k.mean) / k.C - slope) ** 2);
  return [-most - Math.log(sum), slope, curvature / sum];
}

function energy(rows, x, sigma) {
  const [sum, most] = responsibilities(smoothed(rows, sigma), x);
  return -most - Math.log(sum);
}

// x - sigma^2 dE/dx, which is Tweedie's mean.
function posteriorMean(rows, x, sigma) {
  return x - sigma * sigma * gradient(smoothed(rows, sigma), x);
}
