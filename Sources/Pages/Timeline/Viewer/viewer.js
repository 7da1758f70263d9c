// A timeline in its place on a page: what is shown of a run, how it is drawn, and what is selected.

class TimelineView {
  /** All of the page. */
  static all = [];
  /** ns that are shown at least. */
  static least = 20;
  /** Width of a picture on paper, CSS pixels. */
  static paper = 560;
  /** ms of a picture for decoding what it needs; the rest comes with the next one. */
  static patience = 8;

  /** @param {Element} element `div.timeline` */
  constructor(element) {
    this.element = element;
    this.number = Number(element.dataset.run);
    const text = (name) => element.querySelector(`script.timeline-${name}`).textContent;
    this.run = new TimelineRun(JSON.parse(text('header')), text('data'));
    this.words = new TimelineWords(this.run);
    this.ways = new TimelineWays(this.run);
    [this.first, this.last] = this.run.window;
    this.last = Math.max(this.last, this.first + 1);
    [this.from, this.to] = [this.first, this.last];
    this.scroll = 0;
    this.selection = this.range = this.hover = this.search = null;
    /** The index of the row that keys are about. */
    this.row = 0;
    this.parts = new TimelineParts(this);
    this.marks = new TimelineMarks(this);
    this.panel = new TimelinePanel(this);
    this.recolor();
    // A place that is not shown yet has no size.
    this.arrange(false);
    this.resize();
    new ResizeObserver(() => this.resize()).observe(this.parts.box);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { this.recolor(); this.draw(); });
    addEventListener('beforeprint', () => this.print(true));
    addEventListener('afterprint', () => this.print(false));
    this.draw();
    TimelineView.all.push(this);
  }

  // Where things are

  /** The place of a moment, in CSS pixels from the picture's left. */
  x(moment) { return (moment - this.from) / (this.to - this.from) * this.width; }
  /** The moment at a place. */
  moment(x) { return this.from + x / this.width * (this.to - this.from); }

  recolor() {
    this.colors = new TimelineColors(this.element);
    this.font = `11px ${getComputedStyle(this.element).fontFamily}`;
    this.painter = null;
    this.parts.legend();
  }

  resize() {
    const width = this.parts.box.clientWidth;
    if (width === 0 || this.isPrinting) return;
    this.arrange(width < 640);
    this.size(this.parts.stage.clientWidth - this.parts.nameWidth, this.parts.box.clientHeight, Math.min(2, devicePixelRatio || 1));
  }

  arrange(isNarrow) {
    if (this.layout?.isNarrow === isNarrow) return;
    this.layout = new TimelineLayout(this.run, isNarrow);
    this.parts.place();
  }

  /** @param {number} width @param {number} height CSS pixels @param {number} ratio of the screen's to these */
  size(width, height, ratio) {
    this.ratio = ratio;
    this.width = Math.max(50, width);
    this.height = Math.min(this.layout.height, height);
    const [wide, high] = [Math.round(this.width * this.ratio), Math.round(this.height * this.ratio)];
    if (this.picture?.width !== wide || this.picture?.height !== high) {
      for (const canvas of [this.parts.picture, this.parts.marks]) {
        [canvas.width, canvas.height] = [wide, high];
        [canvas.style.width, canvas.style.height] = [`${this.width}px`, `${this.height}px`];
      }
      this.picture = new TimelinePicture(wide, high);
      this.painter = null;
      this.draw();
    }
  }

  /** A picture of all rows for paper, in light colours: before a page is printed, as nothing is drawn meanwhile. */
  print(isBegun) {
    this.isPrinting = isBegun;
    this.element.classList.toggle('tl-print', isBegun);
    this.recolor();
    if (isBegun) {
      this.scroll = 0;
      this.arrange(false);
      this.size(TimelineView.paper, 4000, 2);
      this.isPatient = true;
      this.draw();
      this.isPatient = false;
    } else {
      this.scroll = this.parts.box.scrollTop;
      this.picture = null;
      this.resize();
    }
  }

  /** Shows what is between two moments, as far as there is such. */
  show(from, to) {
    const whole = this.last - this.first;
    const span = Math.min(whole, Math.max(TimelineView.least, to - from));
    let begin = (from + to - span) / 2;
    begin = Math.min(Math.max(begin, this.first), this.last - span);
    if (begin === this.from && begin + span === this.to) return;
    [this.from, this.to] = [begin, begin + span];
    this.hover = null;
    this.panel.moved();
    this.request();
  }

  /** @param {number} factor below 1: closer @param {number} moment stays where it is */
  zoom(factor, moment = (this.from + this.to) / 2) {
    const span = Math.min(this.last - this.first, Math.max(TimelineView.least, (this.to - this.from) * factor));
    const place = (moment - this.from) / (this.to - this.from);
    this.show(moment - place * span, moment + (1 - place) * span);
  }

  /** @param {number} part of what is shown */
  pan(part) {
    const distance = part * (this.to - this.from);
    this.show(this.from + distance, this.to + distance);
  }

  // Drawing

  /** Draws with the browser's next picture. */
  request() {
    if (this.isRequested) return;
    this.isRequested = true;
    requestAnimationFrame(() => {
      this.isRequested = false;
      this.draw();
    });
  }

  draw() {
    if (!this.picture) return;
    const start = performance.now();
    this.run.deadline = this.isPatient ? Infinity : start + TimelineView.patience;
    this.run.isWaiting = false;
    const { picture, ratio } = this;
    this.painter ??= new TimelinePainter(picture, this.run, this.colors);
    this.painter.begin();
    picture.pixels.fill(this.colors.pixel('page'));
    const band = this.colors.pixel('band');
    for (const row of this.layout.rows) {
      const y = Math.round((row.y - this.scroll) * ratio);
      const height = Math.round(row.height * ratio);
      if (y + height < 0 || y > picture.height) continue;
      picture.fill(0, picture.width, y, y + height, band);
      this.painter.paint(row.track, this, y, height);
    }
    const context = this.parts.picture.getContext('2d', { alpha: false });
    context.putImageData(picture.image, 0, 0);
    this.painter.write(context, ratio, this.font, this.colors);
    // On paper what is transparent is white.
    this.marks.paint(this.isPrinting ? context : this.parts.marks.getContext('2d'));
    this.parts.update();
    // What had to wait is drawn next.
    if (this.run.isWaiting) this.request();
    this.run.deadline = Infinity;
    performance.measure('exeunt-timeline', { start, end: performance.now() });
    performance.clearMeasures('exeunt-timeline');
  }

  // What is selected

  /**
   * What is at a place: a thing, or the track and the time of one pixel in which there are too many; null: nothing.
   *
   * @param {number} y from the top of all rows
   */
  at(x, y) {
    const row = this.layout.rowAt(y);
    if (!row || x < 0 || x > this.width) return null;
    const [from, to] = [this.moment(x - 3), this.moment(x + 3)];
    const moment = this.moment(x);
    const lane = row.track.kind === 'requests' ? TimelineLayout.laneAt(row, y) : null;
    let best = null;
    let isMany = false;
    row.track.visit(from, to, (to - from) / 6, {
      group: () => { isMany = true; return false; },
      thing: (chunk, index, number) => {
        const [begin, end] = [chunk.begin[index], chunk.end[index]];
        const distance = moment < begin ? begin - moment : Math.max(0, moment - end);
        const other = lane === null ? 0 : Math.abs(chunk.extra(0)[index] - lane);
        const isBetter = !best || other < best.other || other === best.other
          && (distance < best.distance || distance === best.distance && end - begin > best.length);
        if (isBetter) best = { distance, other, length: end - begin, thing: { track: row.track, number, chunk, index } };
        return false;
      },
    });
    if (isMany && !(best && best.distance === 0 && best.length >= (to - from) / 2)) {
      const pixel = (to - from) / 6;
      return { row, thing: null, from: moment - pixel, to: moment + pixel };
    }
    return best && best.other === 0 ? { row, thing: best.thing } : { row, thing: null };
  }

  /** @param {object|null} thing @param {boolean} isQuiet without saying it */
  select(thing, isQuiet = false) {
    this.selection = thing;
    this.selectionWays = null;
    if (thing) {
      this.row = thing.track.number;
      this.reveal(thing);
    }
    this.panel.selected(isQuiet);
    this.request();
  }

  /** Brings a thing into view. */
  reveal({ track, chunk, index }) {
    const [begin, end] = [chunk.begin[index], chunk.end[index]];
    const span = this.to - this.from;
    if (end < this.from || begin > this.to || begin < this.from && end < this.from + span / 50) {
      const middle = Math.min(begin + span / 4, (begin + end) / 2);
      this.show(middle - span / 2, middle + span / 2);
    }
    this.parts.revealRow(this.layout.rows[track.number]);
  }

  /** Zooms to a thing: it takes a fifth of the width. */
  zoomTo({ chunk, index, track }) {
    const [begin, end] = [chunk.begin[index], chunk.end[index]];
    const span = Math.max(TimelineView.least, (end - begin) * 5, track.isInstant || end === begin ? 20000 : 0);
    const middle = (begin + end) / 2;
    this.show(middle - span / 2, middle + span / 2);
  }

  waysOfSelection() {
    if (!this.selection) return [];
    return this.selectionWays ??= this.ways.requests(this.selection);
  }

  /** The next or previous thing on the selected row. */
  step(direction) {
    const track = this.layout.rows[this.row]?.track;
    if (!track) return;
    const current = this.selection?.track === track ? this.selection.number : null;
    const thing = current === null ? track.firstFrom(this.from) : track.near(current, direction);
    if (thing) this.select(thing);
    else this.panel.say(direction > 0 ? `Nothing follows on ${track.name}.` : `Nothing is before it on ${track.name}.`);
  }

  /** Selects the longest thing of the selected row that is in view. */
  selectLongest() {
    const track = this.layout.rows[this.row]?.track;
    const thing = track?.longest(this.from, this.to);
    if (thing) this.select(thing); else if (track) this.panel.say(`Of ${track.name} nothing that is in view is in the page one by one.`);
  }

  /** Selects another row. */
  move(direction) {
    this.row = Math.min(this.layout.rows.length - 1, Math.max(0, this.row + direction));
    const row = this.layout.rows[this.row];
    this.parts.revealRow(row);
    this.panel.say(`${row.track.name}: ${this.words.sum(row.track, this.from, this.to)}`);
    this.request();
  }

  /** Follows a link to a moment: to what begins there, to the request on whose way it is, or to the moment alone. */
  follow(moment) {
    const order = ['exits', 'wakeups', 'requests', 'interrupts', 'marks', 'states', 'gaps'];
    let thing = null;
    for (const kind of order) {
      for (const track of this.run.tracks) {
        if (track.kind === kind) thing ??= TimelineWays.at(track, moment);
      }
    }
    thing ??= this.ways.through(moment);
    this.range = null;
    if (thing) {
      const [begin, end] = [Math.min(moment, thing.chunk.begin[thing.index]), Math.max(moment, thing.chunk.end[thing.index])];
      const span = Math.max(50000, (end - begin) * 4);
      this.show((begin + end - span) / 2, (begin + end + span) / 2);
      this.select(thing);
    } else {
      this.select(null, true);
      this.show(moment - 25000, moment + 25000);
      this.range = [moment, moment];
      this.panel.say(`At ${timelineMoment(moment)}.`);
      this.request();
    }
  }
}
