// What is drawn over the picture: lines of the axis, the selection, what was found, and arrows.

class TimelineMarks {
  /** Ways of requests that are drawn at a time beside those of the selection. */
  static mostWays = 60;

  /** @param {TimelineView} view */
  constructor(view) {
    this.view = view;
    /** Ends of the arrows of the latest picture, for whoever wants to know. */
    this.arrows = [];
  }

  paint(context) {
    const { view } = this;
    this.context = context;
    this.arrows = [];
    context.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
    if (!view.isPrinting) context.clearRect(0, 0, view.width, view.height);
    this.axis();
    context.save();
    context.beginPath();
    context.rect(0, TimelineLayout.axis, view.width, view.height);
    context.clip();
    this.range();
    this.hits();
    for (const request of view.painter.requests.slice(0, TimelineMarks.mostWays)) {
      if (view.painter.requests.length <= TimelineMarks.mostWays) this.way(request, false);
    }
    if (view.selection) this.selection(view.selection);
    this.hover();
    context.restore();
  }

  color(name) { return this.view.colors.value(name); }

  axis() {
    const { context, view } = this;
    const { step, digits, ticks } = timelineTicks(view.from, view.to, view.width, 96 + 8 * Math.max(0, 9 - Math.log10(view.to - view.from)));
    context.fillStyle = this.color('page');
    context.fillRect(0, 0, view.width, TimelineLayout.axis);
    context.font = view.font;
    context.textBaseline = 'middle';
    let free = -Infinity;
    for (const tick of ticks) {
      const x = Math.round(view.x(tick)) + 0.5;
      context.strokeStyle = this.color('grid');
      context.beginPath();
      context.moveTo(x, TimelineLayout.axis - 5);
      context.lineTo(x, view.height);
      context.stroke();
      const text = timelineMoment(tick, digits);
      const width = context.measureText(text).width;
      const left = Math.max(0, Math.min(view.width - width, x - width / 2));
      if (left < free) continue;
      free = left + width + 12;
      context.fillStyle = this.color('dim');
      context.fillText(text, left, TimelineLayout.axis / 2 - 2);
    }
    this.step = step;
  }

  /** The part that was measured. */
  range() {
    const { context, view } = this;
    if (!view.range) return;
    const [left, right] = [view.x(Math.min(...view.range)), view.x(Math.max(...view.range))];
    context.fillStyle = this.color('accent');
    context.globalAlpha = 0.14;
    context.fillRect(left, 0, right - left, view.height);
    context.globalAlpha = 1;
    context.fillRect(left - 0.5, 0, 1, view.height);
    context.fillRect(right - 0.5, 0, 1, view.height);
  }

  /** Where the search found something: one sign for each pixel of each track. */
  hits() {
    const { context, view } = this;
    const hits = view.search?.hits;
    if (!hits || hits.length === 0 || !view.search.isDone) return;
    context.fillStyle = this.color('accent');
    const seen = new Set();
    let low = 0;
    for (let high = hits.length; low < high;) {
      const middle = (low + high) >> 1;
      if (hits[middle].begin < view.from) low = middle + 1; else high = middle;
    }
    for (; low < hits.length && hits[low].begin < view.to; low++) {
      const x = Math.floor(view.x(hits[low].begin));
      const place = x * 4096 + hits[low].track.number;
      if (seen.has(place)) continue;
      seen.add(place);
      const row = view.layout.rows[hits[low].track.number];
      const y = row.y - view.scroll;
      context.fillRect(x - 1, y - 2, 3, 3);
      context.fillRect(x, y, 1, row.height);
    }
  }

  /** A box around a thing. */
  box(thing, color, width) {
    const { context, view } = this;
    const row = view.layout.rows[thing.track.number];
    const [begin, end] = [thing.chunk.begin[thing.index], thing.chunk.end[thing.index]];
    let [top, height] = [row.y, row.height];
    if (thing.track.kind === 'requests') {
      height = row.height / Math.max(1, thing.track.lanes);
      top = row.y + thing.chunk.extra(0)[thing.index] * height;
    }
    const left = Math.max(-4, view.x(begin));
    const right = Math.min(view.width + 4, Math.max(view.x(end), left + 3));
    context.strokeStyle = color;
    context.lineWidth = width;
    context.strokeRect(left - 1, top - view.scroll - 1, right - left + 2, height + 2);
    context.lineWidth = 1;
  }

  hover() {
    const { hover } = this.view;
    if (hover?.thing) this.box(hover.thing, this.color('text'), 1);
  }

  selection(thing) {
    this.box(thing, this.color('page'), 4);
    this.box(thing, this.color('accent'), 2);
    for (const request of this.view.waysOfSelection()) this.way(request, true);
  }

  /** Arrows of a request's way. */
  way(request, isChosen) {
    const { view } = this;
    const way = view.ways.ofRequest(request);
    const row = view.layout.rows[request.track.number];
    const point = (moment, thing) => {
      const other = thing ? view.layout.rows[thing.track.number] : row;
      const { chunk, index } = thing ?? request;
      return { moment, track: other.track, x: view.x(moment), y: TimelineLayout.middle(other, chunk, index) - view.scroll };
    };
    const { chunk, index } = request;
    const taken = point(chunk.begin[index], request);
    this.context.strokeStyle = this.context.fillStyle = this.color(isChosen ? 'accent' : 'arrow');
    this.context.lineWidth = isChosen ? 2 : 1;
    let latest = null;
    if (way.kicked !== null) {
      latest = point(way.kicked, null);
      this.kick(latest);
    }
    if (way.arrival) {
      const arrival = point(way.arrived, way.arrival);
      if (latest) this.arrow(latest, arrival, isChosen, 'kick');
      latest = arrival;
    }
    if (latest) this.arrow(latest, taken, isChosen, way.arrival ? 'request' : 'kick');
    if (way.interrupt && chunk.hasEnd[index]) {
      this.arrow(point(chunk.end[index], request), point(way.interrupted, way.interrupt), isChosen, 'interrupt');
    }
    this.context.lineWidth = 1;
  }

  kick({ x, y }) {
    const { context } = this;
    context.beginPath();
    context.moveTo(x - 4, y - 5);
    context.lineTo(x + 4, y - 5);
    context.lineTo(x, y + 3);
    context.fill();
  }

  arrow(from, to, isChosen, what) {
    const { context, view } = this;
    this.arrows.push({ what, isChosen, from, to });
    if (Math.max(from.x, to.x) < -50 || Math.min(from.x, to.x) > view.width + 50) return;
    const middle = (from.x + to.x) / 2;
    const bend = Math.min(60, Math.max(8, Math.abs(to.x - from.x) / 2));
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.bezierCurveTo(Math.min(middle, from.x + bend), from.y, Math.max(middle, to.x - bend), to.y, to.x, to.y);
    context.stroke();
    const angle = Math.abs(to.y - from.y) < 1 || to.x - from.x > 6 ? 0 : Math.atan2(to.y - from.y, to.x - from.x);
    const size = isChosen ? 7 : 5;
    context.beginPath();
    context.moveTo(to.x, to.y);
    context.lineTo(to.x - size * Math.cos(angle - 0.5), to.y - size * Math.sin(angle - 0.5));
    context.lineTo(to.x - size * Math.cos(angle + 0.5), to.y - size * Math.sin(angle + 0.5));
    context.fill();
  }
}
