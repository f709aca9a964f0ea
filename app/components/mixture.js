// A Gaussian mixture in one dimension: rows of (weight, mean, standard deviation), smoothed by sigma (method, section 1).
function terms(rows, x, sigma) {
  const total = rows.reduce((sum, [w]) => sum + w, 0);
  return rows.filter(([w]) => w > 0).map(([w, mean, deviation]) => {
    const C = deviation * deviation + sigma * sigma, pull = (x - mean) / C;
    return { log: Math.log(w / total) - 0.5 * (pull * (x - mean) + Math.log(2 * Math.PI * C)), pull };
  });
}

function energy(rows, x, sigma) {
  const logs = terms(rows, x, sigma).map(({ log }) => log), most = Math.max(...logs);
  return -most - Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0));
}

// x - sigma^2 dE/dx, which is Tweedie's mean.
function posteriorMean(rows, x, sigma) {
  const all = terms(rows, x, sigma), most = Math.max(...all.map(({ log }) => log));
  let sum = 0, slope = 0;
  for (const { log, pull } of all) {
    sum += Math.exp(log - most);
    slope += Math.exp(log - most) * pull;
  }
  return x - (sigma * sigma * slope) / sum;
}
