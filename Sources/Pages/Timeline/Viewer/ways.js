// The ways of requests: from the guest's kick to the exit or wakeup that it brought, to the request, to the interrupt.

/** Finds what belongs together. */
class TimelineWays {
  /** Things that are looked at, and that are given, at most. */
  static mostLooks = 4000;
  static most = 32;

  constructor(run) { this.run = run; }

  /** The thing of a track that begins at a moment; null: there is none in the page. */
  static at(track, moment, fits = () => true) {
    let found = null;
    let looks = 0;
    track?.visit(moment, moment + 1, -1, {
      group: () => false,
      thing: (chunk, index, number) => {
        if (chunk.begin[index] === moment && fits(chunk, index)) found = { track, number, chunk, index };
        return found !== null || ++looks > TimelineWays.mostLooks;
      },
    });
    return found;
  }

  /** Points of a request's way: of each the thing that is there, or null, and the moment. */
  ofRequest(request) {
    const { track, chunk, index } = request;
    const begin = chunk.begin[index];
    const at = (column) => {
      const value = chunk.extra(column)[index];
      return value ? begin + timelineSigned(value - 1) : null;
    };
    const thread = chunk.extra(3)[index] ? chunk.extra(3)[index] - 1 : null;
    const [kicked, arrived, interrupted] = [at(5), at(6), at(9)];
    let arrival = null;
    if (arrived !== null && thread !== null) {
      for (const kind of ['wakeups', 'exits']) arrival ??= TimelineWays.at(this.run.track(kind, thread), arrived);
    }
    const interrupt = interrupted === null || track.device < 0 ? null
      : TimelineWays.at(this.run.track('interrupts', null, track.device), interrupted);
    return { request, kicked, arrived, arrival, interrupted, interrupt };
  }

  /** Requests of which some thing is a part. */
  requests(thing) {
    const { track, chunk, index } = thing;
    const [begin, end] = [chunk.begin[index], chunk.end[index]];
    if (track.kind === 'requests') return [thing];
    if (track.kind === 'exits' || track.kind === 'wakeups') {
      return this.search(begin, end + 1, (other, at) => {
        const arrived = other.extra(6)[at];
        return arrived > 0 && other.begin[at] + timelineSigned(arrived - 1) === begin && other.extra(3)[at] - 1 === track.thread;
      });
    }
    if (track.kind === 'interrupts') {
      return this.search(begin - 1e7, begin + 1, (other, at, found) => {
        const raised = other.extra(9)[at];
        return raised > 0 && other.begin[at] + timelineSigned(raised - 1) === begin && found.device === track.device;
      });
    }
    return [];
  }

  /**
   * The request on whose way a moment is: one of its stages, or from its kick, or the exit or wakeup that it came with, to its
   * interrupt; null: there is none in the page.
   */
  through(moment) {
    let best = null;
    const look = (chunk, index) => {
      const begin = chunk.begin[index];
      const stages = [5, 6, 7, 8, 9].map((column) => chunk.extra(column)[index])
        .map((value) => (value ? begin + timelineSigned(value - 1) : null)).filter((stage) => stage !== null);
      stages.push(begin, chunk.end[index]);
      if (Math.min(...stages) > moment || Math.max(...stages) < moment) return false;
      const distance = stages.includes(moment) ? -1 : Math.abs(begin - moment);
      if (best !== null && distance >= best) return false;
      best = distance;
      return true;
    };
    return this.search(moment - 1e6, moment + 1e6, look).at(-1) ?? null;
  }

  search(from, to, fits) {
    const found = [];
    let looks = 0;
    for (const track of this.run.tracks) {
      if (track.kind !== 'requests') continue;
      track.visit(from, to, -1, {
        group: () => false,
        thing: (chunk, index, number) => {
          if (fits(chunk, index, track)) found.push({ track, number, chunk, index });
          return ++looks > TimelineWays.mostLooks || found.length >= TimelineWays.most;
        },
      });
    }
    return found;
  }

  /** The exit or wakeup in which a state was, by its number; null: there is none in the page. */
  roundOf({ track, chunk, index }, words) {
    const begin = chunk.begin[index];
    const seq = words.seq(chunk, index, 0);
    let found = null;
    for (const kind of ['exits', 'wakeups']) {
      let looks = 0;
      this.run.track(kind, track.thread)?.visit(begin, begin + 1, -1, {
        group: () => false,
        thing: (other, at, number) => {
          if (words.seq(other, at, 0) === seq) found = { track: this.run.track(kind, track.thread), number, chunk: other, index: at };
          return found !== null || ++looks > TimelineWays.mostLooks;
        },
      });
    }
    return found;
  }

  /** What a thing leads to: words, and the thing there. */
  from(thing, words) {
    const links = [];
    const add = (label, other) => { if (other) links.push({ label, thing: other }); };
    const name = (other) => words.title(other);
    if (thing.track.kind === 'requests') {
      const { arrival, interrupt } = this.ofRequest(thing);
      add(arrival && `Came with ${name(arrival)}`, arrival);
      add(interrupt && `Told by ${name(interrupt)}`, interrupt);
    } else if (thing.track.kind === 'states') {
      const round = this.roundOf(thing, words);
      add(round && `Part of ${name(round)}`, round);
    } else {
      for (const request of this.requests(thing).slice(0, 8)) add(`${thing.track.kind === 'interrupts' ? 'Tells of' : 'Brought'} ${name(request)}`, request);
    }
    return links;
  }
}
