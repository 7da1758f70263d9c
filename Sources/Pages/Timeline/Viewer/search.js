// Finds things by what they are, where, and how long they take, some at a time, so that a page answers meanwhile.

/** What was asked: all of its words are true of what is found. */
class TimelineQuery {
  constructor(text) {
    this.words = [];
    this.atLeast = -1;
    this.below = Infinity;
    this.address = null;
    for (const word of text.trim().toLowerCase().split(/\s+/).filter(Boolean)) {
      const limit = /^([<>])=?(.*)$/.exec(word);
      const duration = limit ? timelineParseDuration(limit[2]) : NaN;
      if (!Number.isNaN(duration)) {
        // Nothing is longer than itself: > leaves out what is as long.
        if (limit[1] === '>') this.atLeast = word[1] === '=' ? duration : duration + Number.EPSILON * duration + 1e-6;
        else this.below = word[1] === '=' ? duration + 1 : duration;
      } else if (/^0x[0-9a-f]+$/.test(word)) {
        this.address = `0x${BigInt(word).toString(16)}`;
      } else {
        this.words.push(word);
      }
    }
    this.hasLimit = this.atLeast >= 0 || this.below < Infinity;
    this.isEmpty = this.words.length === 0 && !this.hasLimit && this.address === null;
  }

  /** Whether things of a track with a key can be meant. */
  allows(track, label) {
    const noun = timelineNouns[track.kind];
    if (this.hasLimit && track.isInstant || this.address !== null && track.kind !== 'exits') return false;
    const text = `${noun} ${track.name} ${label}`.toLowerCase();
    const isNoun = (word) => Object.values(timelineNouns).some((other) => word === other || word === `${other}s`);
    return this.words.every((word) =>
      isNoun(word) ? word === noun || word === `${noun}s` : TimelineQuery.has(text, word));
  }

  /** Whether a word of a text begins like another: `io` is none of `mmio`, but of `io0`. */
  static has(text, word) {
    for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
      if (at === 0 || !/[\p{L}\p{N}]/u.test(text[at - 1]) || !/^[\p{L}\p{N}]/u.test(word)) return true;
    }
    return false;
  }
}

/** A search in a run. */
class TimelineSearch {
  /** Places of so many are remembered; all are counted. */
  static most = 100000;

  constructor(run, words, text) {
    this.run = run;
    this.words = words;
    this.query = new TimelineQuery(text);
    this.count = 0;
    this.hits = [];
    this.isDone = this.query.isEmpty;
    this.isLeftOut = false;
    this.place = { track: 0, chunk: 0 };
  }

  /** Goes on until a moment of performance.now(). */
  step(deadline) {
    while (!this.isDone && performance.now() < deadline) {
      const track = this.run.tracks[this.place.track];
      if (!track) {
        this.isDone = true;
        this.hits.sort((a, b) => a.begin - b.begin);
        break;
      }
      if (this.place.chunk === 0) this.allowed = this.run.keys.map((key) => this.query.allows(track, key.label));
      if (this.place.chunk * this.run.chunk >= track.count || !this.isPossible(track)) {
        this.place = { track: this.place.track + 1, chunk: 0 };
        continue;
      }
      this.look(track, this.place.chunk++);
    }
  }

  /** Whether a track has a key that is allowed. */
  isPossible(track) {
    for (let place = 0; place * this.run.chunk < track.counts[track.top]; place++) {
      const chunk = track.chunk(track.top, place);
      for (const key of chunk.shareKey) if (this.allowed[key]) return true;
      // What took no time, or an unknown one, has no share.
      if (track.kind === 'exits' || track.kind === 'wakeups' || track.kind === 'requests' || track.kind === 'gaps') return this.allowed.some(Boolean);
    }
    return false;
  }

  look(track, place) {
    if (!track.has(0, place)) {
      this.isLeftOut = true;
      return;
    }
    // Not kept: all of a run would be.
    const chunk = track.chunks[0][place] ?? track.decode(0, place);
    const { atLeast, below, address, hasLimit } = this.query;
    for (let index = 0; index < chunk.count; index++) {
      if (!this.allowed[track.keyOf(chunk, index)]) continue;
      if (hasLimit) {
        const length = chunk.end[index] - chunk.begin[index];
        if (!chunk.hasEnd[index] || length < atLeast || length >= below) continue;
      }
      if (address !== null && this.words.site(chunk, index).address !== address) continue;
      this.count++;
      if (this.hits.length < TimelineSearch.most) {
        this.hits.push({ track, number: place * this.run.chunk + index, begin: chunk.begin[index] });
      }
    }
  }
}
