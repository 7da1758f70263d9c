// What things are, in words: for the panel, for screen readers, and for the pointer.

/** Of a kind of track, what one thing is called. */
const timelineNouns = {
  states: 'state', exits: 'exit', wakeups: 'wakeup', requests: 'request', interrupts: 'interrupt', marks: 'mark',
  gaps: 'gap',
};

class TimelineWords {
  /** @param {TimelineRun} run */
  constructor(run) { this.run = run; }

  /** A thing's name: `exit 1234 of vcpu0: io out serial0`. */
  title({ track, chunk, index }) {
    const label = this.run.keys[track.keyOf(chunk, index)].label;
    const thread = track.thread === null ? '' : this.run.threads[track.thread];
    switch (track.kind) {
      case 'states': return `${thread}: ${label}`;
      case 'exits': return `exit ${this.seq(chunk, index, 0)} of ${thread}: ${label}`;
      case 'wakeups': return `${label} ${this.seq(chunk, index, 0)} of ${thread}`;
      case 'requests': return `${label} request ${this.id(chunk, index)} of ${track.name}`;
      case 'interrupts': return `${track.name.replace(/ interrupts$/, '')} interrupt: ${label}`;
      case 'marks': return `mark ${chunk.extra(0)[index]}`;
      default: return `events missing in stream ${chunk.extra(0)[index]}`;
    }
  }

  /** A request's id, of 64 bits. */
  id(chunk, index) { return BigInt(chunk.extra(10)[index]) << 32n | BigInt(chunk.extra(1)[index]); }

  /** Sequence numbers are told from the one before. */
  seq(chunk, index, column) {
    const numbers = chunk.seqs ??= this.sequence(chunk.extra(column));
    return numbers[index];
  }

  sequence(steps) {
    const numbers = new Uint32Array(steps.length);
    let latest = 0;
    for (let index = 0; index < steps.length; index++) {
      latest = (latest + timelineSigned(steps[index])) >>> 0;
      numbers[index] = latest;
    }
    return numbers;
  }

  /** What else is known, a sentence each. */
  details({ track, chunk, index }) {
    const [begin, end] = [chunk.begin[index], chunk.end[index]];
    const words = [`at ${timelineMoment(begin)}`];
    const length = timelineDuration(end - begin);
    if (track.kind === 'exits') this.exit(chunk, index, length, words);
    if (track.kind === 'wakeups') this.wakeup(chunk, index, length, words);
    if (track.kind === 'requests') this.request(track, chunk, index, words);
    if (track.kind === 'states') words.push(`for ${length}`, `in round ${this.seq(chunk, index, 0)}`);
    if (track.kind === 'gaps') words.push(`for ${length}: what happened then is not known of any thread`);
    if (track.kind === 'interrupts') {
      const thread = chunk.extra(1)[index];
      words.push(`line ${chunk.extra(0)[index]}`);
      if (thread) words.push(`raised by ${this.run.threads[thread - 1]} in its round ${chunk.extra(2)[index]}`);
    }
    if (track.kind === 'marks') words.push(`written by vCPU ${chunk.extra(1)[index]} in exit ${chunk.extra(2)[index]}`);
    return words;
  }

  /** A number of 64 bits in two columns; null: it is not known. */
  wide(chunk, index, column) {
    const low = chunk.extra(column)[index];
    return low === 0 ? null : `0x${(BigInt(chunk.extra(column + 1)[index]) << 32n | BigInt(low - 1)).toString(16)}`;
  }

  /** Address, size and count of an exit. */
  site(chunk, index) {
    const [, address, size, count] = this.run.sites[chunk.key[index]];
    if (address !== false) return { address, size, count };
    return { address: this.wide(chunk, index, 3), size: chunk.extra(5)[index], count: chunk.extra(6)[index] };
  }

  exit(chunk, index, length, words) {
    const { address, size, count } = this.site(chunk, index);
    if (address !== null) words.push(`address ${address}`);
    if (size > 0) words.push(timelineNumber(size, 'byte') + (count > 1 ? ` ${timelineCount(count)} times` : ''));
    words.push(chunk.hasEnd[index] ? `handled in ${length}` : 'how long it was handled is not known');
    const inKvmRun = chunk.extra(2)[index];
    const { guestRun } = this.run;
    words.push(inKvmRun ? `${timelineDuration(inKvmRun - 1)} in ${guestRun} before` : `time in ${guestRun} before not known`);
    const kicks = chunk.extra(1)[index];
    if (kicks) words.push(timelineNumber(kicks, 'kick'));
    const rip = this.wide(chunk, index, 7);
    if (rip !== null) words.push(`instruction pointer ${rip}`);
  }

  wakeup(chunk, index, length, words) {
    const [slept, ready, handlers, kicks] = [1, 2, 3, 4].map((column) => chunk.extra(column)[index]);
    words.push(chunk.hasEnd[index] ? `busy for ${length}` : 'how long it was busy is not known');
    if (slept) words.push(`${timelineDuration(slept - 1)} asleep before`);
    if (ready) words.push(`${timelineNumber(ready - 1, 'source')} ready`);
    words.push(timelineNumber(handlers, 'handler'));
    if (kicks) words.push(timelineNumber(kicks, 'kick'));
  }

  /** The stages of a request, with the time from one to the next. */
  request(track, chunk, index, words) {
    const thread = chunk.extra(3)[index];
    const status = chunk.extra(4)[index];
    words.push(timelineNumber(chunk.extra(2)[index], 'byte'));
    if (thread) words.push(`taken by ${this.run.threads[thread - 1]}`);
    let latest = null;
    for (const [name, moment] of this.stages(track, chunk, index)) {
      words.push(latest === null ? `${name} at ${timelineMoment(moment)}` : `${name} ${this.step(moment - latest)}`);
      latest = moment;
    }
    if (!chunk.hasEnd[index]) words.push('no end is known');
    else if (status - 1 === 255) words.push('given up');
    else if (status > 1) words.push(`failed with status ${status - 1}`);
  }

  step(ns) { return ns < 0 ? `${timelineDuration(-ns)} before` : `after ${timelineDuration(ns)}`; }

  /** What is known of a request: names of stages and when they began. */
  stages(track, chunk, index) {
    const begin = chunk.begin[index];
    const at = (column) => {
      const value = chunk.extra(column)[index];
      return value ? begin + timelineSigned(value - 1) : null;
    };
    return [
      ['kicked', at(5)], ['picked up', at(6)], ['taken', begin], ['submitted', at(7)], ['completed', at(8)],
      ['pushed', chunk.hasEnd[index] ? chunk.end[index] : null], ['interrupt', at(9)],
    ].filter(([, moment]) => moment !== null);
  }

  /** Of requests, which overlap, how many there were on average; of a thread its part of the time. */
  part(track, value, span) {
    return track.kind === 'requests' ? `${value / span < 0.005 ? '<0.01' : (value / span).toFixed(2)}\u00a0at a time` : timelineShare(value, span);
  }

  /** What a part of a track adds up to. */
  sum(track, from, to) {
    const sum = track.account(from, to);
    const noun = timelineNouns[track.kind];
    const words = [timelineNumber(sum.count, noun) + (track.isInstant ? '' : sum.count === 1 ? ' begins' : ' begin')];
    const parts = [...sum.times].sort((a, b) => b[1] - a[1]).slice(0, 6);
    for (const [key, value] of parts) {
      const label = this.run.keys[key].label;
      words.push(
        track.isInstant ? `${label} ${timelineCount(value)}`
          : `${label} ${timelineDuration(value)} (${this.part(track, value, to - from)})`);
    }
    if (!track.isInstant && track.kind !== 'states' && sum.longest > 0) {
      words.push(`longest ${timelineDuration(sum.longest)}`);
    }
    return (sum.isExact ? '' : 'about ') + words.join(', ');
  }
}
