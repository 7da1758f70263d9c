// What the analyzer wrote of a run: tracks of things in levels of detail, decoded by chunks when they are looked at.

/** Variable-length integers of 7 bits a byte; a column without bytes has zeros. */
function timelineColumn(bytes, count) {
  const numbers = new Float64Array(count);
  if (bytes.length === 0) return numbers;
  let at = 0;
  for (let index = 0; index < count; index++) {
    let byte = bytes[at++];
    let value = byte & 127;
    for (let scale = 128; byte > 127; scale *= 128) {
      byte = bytes[at++];
      value += (byte & 127) * scale;
    }
    numbers[index] = value;
  }
  return numbers;
}

/** A number that can be negative, of one that cannot. */
function timelineSigned(value) { return value % 2 ? -(value + 1) / 2 : value / 2; }

/** Things or groups of a level that are stored together. */
class TimelineChunk {
  /** @param {Uint8Array} bytes @param {number} count entries @param {boolean} isGroups */
  constructor(bytes, count, isGroups) {
    this.count = count;
    this.columns = [];
    for (let at = 0; at < bytes.length;) {
      let length = 0;
      let scale = 1;
      let byte;
      do {
        byte = bytes[at++];
        length += (byte & 127) * scale;
        scale *= 128;
      } while (byte > 127);
      this.columns.push(bytes.subarray(at, at + length));
      at += length;
    }
    this.begin = timelineColumn(this.columns[0], count);
    let latest = 0;
    for (let index = 0; index < count; index++) {
      latest += timelineSigned(this.begin[index]);
      this.begin[index] = latest;
    }
    this.end = timelineColumn(this.columns[1], count);
    if (isGroups) this.readGroups(); else this.readThings();
  }

  readThings() {
    // Without a duration a thing ends where it begins.
    this.hasEnd = new Uint8Array(this.count);
    for (let index = 0; index < this.count; index++) {
      const duration = this.end[index];
      this.hasEnd[index] = duration > 0 ? 1 : 0;
      this.end[index] = this.begin[index] + Math.max(0, duration - 1);
    }
    this.key = timelineColumn(this.columns[2], this.count);
    this.extras = [];
  }

  readGroups() {
    for (let index = 0; index < this.count; index++) this.end[index] += this.begin[index];
    this.size = timelineColumn(this.columns[2], this.count);
    this.longest = timelineColumn(this.columns[3], this.count);
    const shares = timelineColumn(this.columns[4], this.count);
    this.first = new Uint32Array(this.count + 1);
    for (let index = 0; index < this.count; index++) this.first[index + 1] = this.first[index] + shares[index];
    this.shareKey = timelineColumn(this.columns[5], this.first[this.count]);
    this.shareValue = timelineColumn(this.columns[6], this.first[this.count]);
  }

  /** A column that only some kinds of things have. */
  extra(column) { return this.extras[column] ??= timelineColumn(this.columns[3 + column], this.count); }
}

/** Things of one kind of a thread, a queue or a device. */
class TimelineTrack {
  constructor(run, number, header) {
    Object.assign(this, header);
    this.run = run;
    this.number = number;
    this.thread = header.thread < 0 ? null : header.thread;
    this.counts = [];
    for (let level = 0, count = this.count; level < header.levels.length; level++) {
      this.counts.push(count);
      count = Math.ceil(count / run.branching);
    }
    this.chunks = header.levels.map(() => []);
    this.top = header.levels.length - 1;
    this.isInstant = this.kind === 'interrupts' || this.kind === 'marks';
  }

  /** Whether the page has a chunk. */
  has(level, place) { return this.levels[level][2 * place + 1] > 0; }

  /** A chunk; null: the page does not have it, or it has to wait for the next picture as this one took long enough. */
  chunk(level, place, mustWait = false) {
    const known = this.chunks[level][place];
    if (known) return known;
    if (!this.has(level, place)) return null;
    if (mustWait && performance.now() > this.run.deadline) {
      this.run.isWaiting = true;
      return null;
    }
    const chunk = this.decode(level, place);
    this.chunks[level][place] = chunk;
    this.run.remember(this, level, place);
    return chunk;
  }

  decode(level, place) {
    const size = this.run.chunk;
    const bytes = this.run.bytes(this.levels[level][2 * place], this.levels[level][2 * place + 1]);
    return new TimelineChunk(bytes, Math.min(size, this.counts[level] - place * size), level > 0);
  }

  /**
   * Visits what is between two moments: groups that last no longer than `finest` ns, or of which the page has nothing
   * finer, and things. A visitor has `group(chunk, index)` and `thing(chunk, index, number)`, which may return true to end.
   */
  visit(from, to, finest, visitor, mustWait = false) {
    return this.visitLevel(this.top, 0, this.counts[this.top], from, to, finest, visitor, mustWait);
  }

  visitLevel(level, first, last, from, to, finest, visitor, mustWait) {
    const size = this.run.chunk;
    for (let place = Math.floor(first / size); place * size < last; place++) {
      const chunk = this.chunk(level, place, mustWait && level < this.top);
      if (!chunk) continue;
      const base = place * size;
      const stop = Math.min(last - base, chunk.count);
      for (let index = Math.max(0, first - base); index < stop; index++) {
        if (chunk.end[index] < from || chunk.begin[index] >= to) continue;
        if (level === 0) {
          if (visitor.thing(chunk, index, base + index)) return true;
          continue;
        }
        const below = (base + index) * this.run.branching;
        const isFine = chunk.end[index] - chunk.begin[index] <= finest;
        if (isFine || !this.chunk(level - 1, Math.floor(below / size), mustWait)) {
          if (visitor.group(chunk, index, from, to)) return true;
        } else {
          const end = Math.min(below + this.run.branching, this.counts[level - 1]);
          if (this.visitLevel(level - 1, below, end, from, to, finest, visitor, mustWait)) return true;
        }
      }
    }
    return false;
  }

  /** The key of a thing; of an exit that of its site. */
  keyOf(chunk, index) { return this.kind === 'exits' ? this.run.sites[chunk.key[index]][0] : chunk.key[index]; }

  /** When the host began and ended to work on a request; null: it did not, or that is not known. */
  hostOf(chunk, index) {
    const [submitted, completed] = [chunk.extra(7)[index], chunk.extra(8)[index]];
    if (!submitted || !completed || !chunk.hasEnd[index]) return null;
    const [begin, end] = [chunk.begin[index], chunk.end[index]];
    const from = Math.min(Math.max(begin + timelineSigned(submitted - 1), begin), end);
    return [from, Math.min(Math.max(begin + timelineSigned(completed - 1), from), end)];
  }

  /** The next thing that the page has, or the one before; null: there is none. */
  near(number, direction) {
    const size = this.run.chunk;
    let next = number + direction;
    while (next >= 0 && next < this.count && !this.has(0, Math.floor(next / size))) {
      const place = Math.floor(next / size);
      next = direction > 0 ? (place + 1) * size : place * size - 1;
    }
    return this.thing(next);
  }

  /** Where a thing is, by its number; null: the page does not have it. */
  thing(number) {
    if (number < 0 || number >= this.count) return null;
    const place = Math.floor(number / this.run.chunk);
    const chunk = this.chunk(0, place);
    return chunk && { track: this, number, chunk, index: number - place * this.run.chunk };
  }

  /**
   * What is between two moments: ns by key of what has a duration, counts of what has none, as far as inside; and how many began there.
   * Exact, unless `isExact` says that a group reaches across an edge of which the page has nothing finer: its time is then divided evenly.
   */
  account(from, to) {
    const sum = { times: new Map(), count: 0, longest: 0, isExact: true };
    // Of gaps in several streams at a time it counts once, as in groups.
    let covered = -Infinity;
    const add = (key, value) => { if (value > 0) sum.times.set(key, (sum.times.get(key) ?? 0) + value); };
    const part = (begin, end) => Math.max(0, Math.min(end, to) - Math.max(begin, from));
    const track = this;
    const visitor = {
      thing(chunk, index) {
        const [begin, end] = [chunk.begin[index], chunk.end[index]];
        const key = track.keyOf(chunk, index);
        const isBegun = begin >= from && begin < to;
        if (isBegun) sum.count++;
        if (track.isInstant) return add(key, isBegun ? 1 : 0);
        sum.longest = Math.max(sum.longest, end - begin);
        const host = track.kind === 'requests' ? track.hostOf(chunk, index) : null;
        const inHost = host ? part(host[0], host[1]) : 0;
        add(key, track.kind === 'gaps' ? part(Math.max(begin, covered), end) : part(begin, end) - inHost);
        covered = Math.max(covered, end);
        if (inHost > 0) add(track.run.hostKey[key], inHost);
      },
      group(chunk, index) {
        const [begin, end] = [chunk.begin[index], chunk.end[index]];
        const isInside = begin >= from && end < to;
        covered = Math.max(covered, end);
        const share = isInside ? 1 : Math.max(1, part(begin, end)) / Math.max(1, end - begin);
        if (!isInside) sum.isExact = false;
        sum.count += isInside ? chunk.size[index] : Math.round(chunk.size[index] * share);
        sum.longest = Math.max(sum.longest, chunk.longest[index]);
        for (let at = chunk.first[index]; at < chunk.first[index + 1]; at++) {
          add(chunk.shareKey[at], isInside ? chunk.shareValue[at] : Math.round(chunk.shareValue[at] * share));
        }
      },
    };
    this.visitWhole(this.top, 0, this.counts[this.top], from, to, visitor);
    return sum;
  }

  /** As visit, with groups that are inside as a whole and things at the edges. */
  visitWhole(level, first, last, from, to, visitor) {
    const size = this.run.chunk;
    for (let number = first; number < last; number++) {
      const chunk = this.chunk(level, Math.floor(number / size));
      if (!chunk) return;
      const index = number % size;
      const [begin, end] = [chunk.begin[index], chunk.end[index]];
      if (end < from || begin >= to) continue;
      if (level === 0) {
        visitor.thing(chunk, index, number);
        continue;
      }
      const below = number * this.run.branching;
      if (begin >= from && end < to || !this.chunk(level - 1, Math.floor(below / size))) {
        visitor.group(chunk, index);
      } else {
        this.visitWhole(
          level - 1, below, Math.min(below + this.run.branching, this.counts[level - 1]), from, to, visitor);
      }
    }
  }

  /** Keys of which the whole track has time, or things without a duration, as its topmost groups say. */
  sumKeys() {
    const keys = new Set();
    for (let place = 0; place * this.run.chunk < this.counts[this.top]; place++) {
      for (const key of this.chunk(this.top, place).shareKey) keys.add(key);
    }
    return keys;
  }

  /** The longest thing that is in progress between two moments; null: there is none, or the page does not have it. */
  longest(from, to) {
    let best = null;
    const look = (level, first, last) => {
      for (let number = first; number < last; number++) {
        const chunk = this.chunk(level, Math.floor(number / this.run.chunk));
        if (!chunk) return;
        const index = number % this.run.chunk;
        if (chunk.end[index] < from || chunk.begin[index] > to) continue;
        if (level === 0) {
          const length = chunk.end[index] - chunk.begin[index];
          if (!best || length > best.length) best = { number, length };
        } else if (!best || chunk.longest[index] > best.length) {
          const below = number * this.run.branching;
          look(level - 1, below, Math.min(below + this.run.branching, this.counts[level - 1]));
        }
      }
    };
    look(this.top, 0, this.counts[this.top]);
    return best && this.thing(best.number);
  }

  /** The first thing that begins at a moment or later; null: there is none in the page. */
  firstFrom(moment) {
    let found = null;
    this.visit(moment, Infinity, -1, {
      group: () => false,
      thing: (chunk, index, number) => chunk.begin[index] >= moment && (found = number, true),
    });
    return found === null ? null : this.thing(found);
  }
}

/** A run of a page. */
class TimelineRun {
  /** Chunks that are kept decoded: some tens of MB. */
  static mostChunks = 1500;

  /** @param {object} header @param {string} data base64 */
  constructor(header, data) {
    Object.assign(this, header);
    this.data = data;
    this.keys = header.keys.map(([label, look, hue]) => ({ label, look, hue }));
    this.known = [];
    this.deadline = Infinity;
    this.isWaiting = false;
    this.hostKey = this.keys.map((key) =>
      key.look === 'request' ? this.keys.findIndex((other) => other.look === 'host' && other.hue === key.hue) : -1);
    this.tracks = header.tracks.map((track, number) => new TimelineTrack(this, number, track));
  }

  /** A chunk was decoded: the one that was first is given up where there are too many. */
  remember(track, level, place) {
    this.known.push({ track, level, place });
    if (this.known.length <= TimelineRun.mostChunks) return;
    for (const { track, level, place } of this.known.splice(0, TimelineRun.mostChunks / 4)) delete track.chunks[level][place];
  }

  bytes(offset, length) {
    const text = atob(this.data.substr(offset, Math.ceil(length / 3) * 4));
    const bytes = new Uint8Array(length);
    for (let index = 0; index < length; index++) bytes[index] = text.charCodeAt(index);
    return bytes;
  }

  /** A track by what it is of. */
  track(kind, thread, device = -1) {
    return this.tracks.find((track) => track.kind === kind && track.thread === thread && track.device === device);
  }
}
