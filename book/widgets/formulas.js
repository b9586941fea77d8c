// The book's formulas, as in helpers/sampling.py, with the same rules at the edges; a test runs both on the same cases.
// Numbers are float64 on both sides. Ties go to the token that comes first.

const CROSSED = 1e-12; // a sum such as 0.3 + 0.3 + 0.3 counts as 0.9

const sum = values => values.reduce((total, v) => total + v, 0);
const scaled = values => { const total = sum(values); return values.map(v => v / total); };

export function argmax(values) {
  let best = 0;
  values.forEach((v, i) => { if (v > values[best]) best = i; });
  return best;
}

// exp(z / temperature) / Σ; temperature 0 puts everything on the largest logit, −Infinity gets probability 0.
export function softmax(logits, temperature = 1) {
  const best = argmax(logits), top = logits[best];
  if (temperature === 0) return logits.map((_, i) => (i === best ? 1 : 0));
  return scaled(logits.map(z => Math.exp((z - top) / temperature)));
}

// Indices from the largest value to the smallest.
export const ranking = values => Array.from(values, (_, i) => i).sort((a, b) => values[b] - values[a] || a - b);

const keep = (p, ids) => { const kept = new Set(ids); return scaled(p.map((v, i) => (kept.has(i) ? v : 0))); };

export const topK = (p, k) => keep(p, ranking(p).slice(0, k));

export function topP(p, share) {
  if (share === 1) return scaled(p);
  let before = 0;
  return keep(p, ranking(p).filter((id, i) => { const kept = i === 0 || before < share - CROSSED; before += p[id]; return kept; }));
}

export const minP = (p, share) => { const limit = share * p[argmax(p)]; return keep(p, ranking(p).filter(id => p[id] >= limit)); };

// Temperature, then top-k, top-p, min-p. null leaves one out.
export function nextDistribution(logits, { temperature = 1, top_k = null, top_p = null, min_p = null } = {}) {
  let p = softmax(logits, temperature);
  if (top_k !== null) p = topK(p, Math.min(top_k, p.length));
  if (top_p !== null) p = topP(p, top_p);
  if (min_p !== null) p = minP(p, min_p);
  return p;
}

export const entropy = p => -sum(p.map(v => (v > 0 ? v * Math.log(v) : 0))) + 0;
export const perplexity = p => Math.exp(entropy(p));

// For each u from [0, 1) the first index whose cumulative sum exceeds u · Σ p: one draw from one uniform number.
export function drawAll(p, us) {
  let total = 0;
  const ends = p.map(v => (total += v));
  return us.map(u => {
    let low = 0, high = ends.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ends[middle] > u * total) high = middle; else low = middle + 1;
    }
    return low;
  });
}

export const draw = (p, u) => drawAll(p, [u])[0];

export const sigmoid = x => 0.5 * (1 + Math.tanh(0.5 * x));

// A generator that Python and the page share (`sampling.Mulberry32`): 32 bits of state, uniform numbers in [0, 1).
export function mulberry32(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
