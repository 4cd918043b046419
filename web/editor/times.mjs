/** Other times for keys. All take the times as they were when a drag began, 0..1 and growing, and return new ones. */

/**
 * Move keys together, between those that stay.
 *
 * numbers: which; number: the one that is dragged; apart: the least between two keys;
 * place(lowest, highest): the time in these bounds that it is dragged to, or null: there is none.
 */
export function movedTimes(times, numbers, number, apart, place) {
  const moves = (n) => numbers.includes(n);
  const down = numbers.filter((n) => !moves(n - 1)).map((n) => (n > 0 ? times[n - 1] + apart : 0) - times[n]);
  const above = (n) => (n + 1 < times.length ? times[n + 1] - apart : 1);
  const up = numbers.filter((n) => !moves(n + 1)).map((n) => above(n) - times[n]);
  const to = place(times[number] + Math.max(...down), times[number] + Math.min(...up));
  return to === null ? null : times.map((time, n) => (moves(n) ? time + to - times[number] : time));
}

/** Stretch or shrink the path from its first key on, or, where that is dragged, from its last one back. */
export function stretchedTimes(times, number, apart, place) {
  const last = times.length - 1;
  if (last < 1) return null;
  const fixed = times[number > 0 ? 0 : last];
  const reach = times[number] - fixed;
  const gap = Math.min(...times.slice(1).map((time, n) => time - times[n]));
  const [least, most] = [Math.min(1, apart / gap), number > 0 ? (1 - fixed) / (times[last] - fixed) : fixed / -reach];
  const ends = [fixed + reach * least, fixed + reach * most];
  const to = place(Math.min(...ends), Math.max(...ends));
  return to === null ? null : times.map((time) => fixed + ((time - fixed) * (to - fixed)) / reach);
}

/** The keys at equal spans, between the first and the last. */
export function evenTimes(times) {
  const [first, last] = [times[0], times[times.length - 1]];
  return times.map((_, n) => first + ((last - first) * n) / Math.max(times.length - 1, 1));
}

/** The path from the first video frame to the last. */
export function fillingTimes(times) {
  const [first, last] = [times[0], times[times.length - 1]];
  return last > first ? times.map((time) => (time - first) / (last - first)) : times;
}
