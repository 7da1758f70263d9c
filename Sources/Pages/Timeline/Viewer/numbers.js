'use strict';

// Numbers as the reports write them.

/** With so many digits after the point. @param {number} value not negative */
function timelineFixed(value, digits) {
  const scale = 10 ** digits;
  const scaled = Math.round(value * scale);
  const fraction = digits > 0 ? `.${String(scaled % scale).padStart(digits, '0')}` : '';
  return `${Math.floor(scaled / scale)}${fraction}`;
}

/** A duration with three significant digits: `9.12 µs`. @param {number} ns */
function timelineDuration(ns) {
  if (ns < 0) return '-' + timelineDuration(-ns);
  const units = [['ns', 1], ['µs', 1e3], ['ms', 1e6], ['s', 1e9]];
  // Chosen after rounding, so that 999 999 ns is 1.00 ms and not 1000 µs.
  let [unit, scale] = units[0];
  for (const [name, size] of units) if (Math.round(ns) >= size - Math.floor(size / 2000)) [unit, scale] = [name, size];
  const value = ns / scale;
  return `${timelineFixed(value, scale === 1 ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0)}\u00a0${unit}`;
}

/** A moment of the run, to the ns: `0.001114567 s`. */
function timelineMoment(ns, digits = 9) {
  const whole = Math.floor(ns / 1e9);
  const rest = String(Math.floor(ns - whole * 1e9)).padStart(9, '0');
  return digits > 0 ? `${whole}.${rest.slice(0, digits)}\u00a0s` : `${whole}\u00a0s`;
}

/** With a space between thousands: `41 200`. */
function timelineCount(value) { return String(value).replace(/\B(?=(\d{3})+$)/g, '\u00a0'); }

/** `1 kick`, `2 kicks`. */
function timelineNumber(value, noun) { return `${timelineCount(value)}\u00a0${noun}${value === 1 ? '' : 's'}`; }

/** A part of a whole: `96.1 %`. */
function timelineShare(part, whole) {
  if (part === 0) return '–';
  const percent = part / whole * 100;
  if (percent < 0.05) return '<0.1\u00a0%';
  // Never 100 % when something else is there as well.
  if (part < whole && percent >= 99.95) return '>99.9\u00a0%';
  return `${timelineFixed(percent, 1)}\u00a0%`;
}

/** A duration as a user writes it, in ns; NaN: it is none. */
function timelineParseDuration(text) {
  const found = /^(\d+(?:\.\d+)?)(ns|us|µs|ms|s)?$/.exec(text);
  return found ? Number(found[1]) * { ns: 1, us: 1e3, 'µs': 1e3, ms: 1e6, s: 1e9 }[found[2] ?? 'ns'] : NaN;
}
