// Where tracks are, one below the other, and where moments are from left to right.

/** Rows of tracks, in CSS pixels. */
class TimelineLayout {
  /** Height of the axis above all rows. */
  static axis = 24;
  static heights = { states: 22, exits: 14, wakeups: 14, interrupts: 12, marks: 12, gaps: 12 };

  /** @param {TimelineRun} run @param {boolean} isNarrow names stand above their tracks, not beside them */
  constructor(run, isNarrow) {
    this.isNarrow = isNarrow;
    this.name = isNarrow ? 15 : 0;
    let top = TimelineLayout.axis + 4;
    let latest = null;
    this.rows = run.tracks.map((track) => {
      const owner = track.thread ?? (track.kind === 'requests' || track.kind === 'interrupts' ? `d${track.device}` : track.kind);
      if (latest !== null && owner !== latest) top += 8;
      latest = owner;
      const height = TimelineLayout.heights[track.kind] ?? Math.min(240, Math.max(18, track.lanes * 14));
      const row = { track, top, y: top + this.name, height };
      top = row.y + height + 3;
      return row;
    });
    this.height = top + 6;
  }

  /** The row at a height; null: none. */
  rowAt(y) {
    return this.rows.find((row) => y >= row.top - 1 && y < row.y + row.height + 2) ?? null;
  }

  /** The lane of requests at a height. */
  static laneAt(row, y) {
    const lanes = Math.max(1, row.track.lanes);
    return Math.min(lanes - 1, Math.max(0, Math.floor((y - row.y) / row.height * lanes)));
  }

  /** The middle of a thing. */
  static middle(row, chunk, index) {
    if (row.track.kind !== 'requests') return row.y + row.height / 2;
    const lanes = Math.max(1, row.track.lanes);
    return row.y + (chunk.extra(0)[index] + 0.5) * row.height / lanes;
  }
}

/** Moments of an axis that are good to write, and with how many digits. */
function timelineTicks(from, to, width, distance = 110) {
  const wanted = (to - from) / Math.max(1, width) * distance;
  let step = 10 ** Math.max(0, Math.floor(Math.log10(wanted)));
  for (const factor of [1, 2, 5, 10]) {
    if (step * factor >= wanted) {
      step *= factor;
      break;
    }
  }
  step = Math.max(1, Math.round(step));
  const digits = Math.min(9, Math.max(0, 9 - Math.floor(Math.log10(step) + 1e-9)));
  const ticks = [];
  for (let tick = Math.ceil(from / step) * step; tick <= to && ticks.length < 200; tick += step) ticks.push(tick);
  return { step, digits, ticks };
}
