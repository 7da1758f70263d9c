// What a reader does with a timeline: pointer, wheel, keys, touch, buttons, and links to moments.

class TimelineInput {
  /** @param {TimelineView} view */
  constructor(view) {
    this.view = view;
    this.parts = view.parts;
    /** Pointers that are down, by their id. */
    this.down = new Map();
    const { box, stage, bar, find, overview, help, details } = this.parts;
    box.addEventListener('scroll', () => { view.scroll = box.scrollTop; view.request(); });
    stage.addEventListener('pointerdown', (event) => this.press(event));
    stage.addEventListener('pointermove', (event) => this.move(event));
    for (const name of ['pointerup', 'pointercancel']) stage.addEventListener(name, (event) => this.release(event));
    stage.addEventListener('pointerleave', () => this.hover(null));
    stage.addEventListener('dblclick', (event) => view.zoom(0.25, view.moment(this.place(event).x)));
    stage.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
    box.addEventListener('keydown', (event) => this.key(event));
    details.addEventListener('keydown', (event) => { if (event.key === 'Escape') box.focus(); });
    help.addEventListener('keydown', (event) => { if (event.key === 'Escape') this.help(false); });
    for (const element of [bar, help, details]) element.addEventListener('click', (event) => this.button(event));
    find.addEventListener('input', () => view.panel.search(find.value));
    find.addEventListener('keydown', (event) => this.findKey(event));
    overview.addEventListener('pointerdown', (event) => this.overview(event));
    overview.addEventListener('pointermove', (event) => { if (event.buttons & 1) this.overview(event); });
  }

  /** Where an event is: from the picture's left, and from the top of all rows. */
  place(event) {
    const stage = this.parts.stage.getBoundingClientRect();
    const y = event.clientY - stage.top;
    return { x: event.clientX - stage.left - this.parts.nameWidth, y: y < TimelineLayout.axis ? -1 : y + this.view.scroll, left: event.clientX - stage.left, top: y };
  }

  // Pointer

  press(event) {
    if (event.button !== 0) return;
    this.parts.stage.setPointerCapture(event.pointerId);
    const { x } = this.place(event);
    this.down.set(event.pointerId, { x, from: this.view.from, to: this.view.to });
    this.isDragged = false;
    this.measured = event.shiftKey ? this.view.moment(x) : null;
    this.begun = [...this.down.values()].map((point) => ({ ...point, moment: this.view.moment(point.x) }));
  }

  move(event) {
    const { view } = this;
    const place = this.place(event);
    const point = this.down.get(event.pointerId);
    if (!point) {
      this.hover(place);
      return;
    }
    if (Math.abs(place.x - point.x) > 3) this.isDragged = true;
    if (this.down.size === 2) {
      this.pinch(event.pointerId, place.x);
    } else if (this.measured !== null) {
      if (!this.isDragged) return;
      const within = (moment) => Math.min(view.last, Math.max(view.first, moment));
      view.range = [within(this.measured), within(view.moment(place.x))];
      view.selection = null;
      view.panel.selected(true);
      view.request();
    } else if (this.isDragged) {
      this.hover(null);
      const distance = (place.x - point.x) / view.width * (point.to - point.from);
      view.show(point.from - distance, point.to - distance);
    }
  }

  /** Two fingers: what was under each stays there. */
  pinch(id, x) {
    const { view } = this;
    const [one, other] = [...this.down].sort((a) => (a[0] === id ? -1 : 1));
    one[1].now = x;
    const [a, b] = [one[1], other[1]];
    const [moment, fixed] = [a.from + a.x / view.width * (a.to - a.from), b.from + b.x / view.width * (b.to - b.from)];
    const distance = x - (b.now ?? b.x);
    if (Math.abs(distance) < 20 || moment === fixed) return;
    const scale = (moment - fixed) / distance;
    if (scale <= 0) return;
    const from = moment - x * scale;
    view.show(from, from + view.width * scale);
  }

  release(event) {
    const { view } = this;
    const point = this.down.get(event.pointerId);
    this.down.delete(event.pointerId);
    // A finger that is left goes on from here.
    for (const other of this.down.values()) Object.assign(other, { x: other.now ?? other.x, from: view.from, to: view.to });
    if (!point || event.type === 'pointercancel') return;
    if (this.isDragged) {
      if (this.measured !== null && view.range) view.panel.selected(false);
      return;
    }
    const place = this.place(event);
    const found = view.at(place.x, place.y);
    view.range = null;
    if (found) view.row = found.row.track.number;
    view.select(found?.thing ?? (found && found.from !== undefined ? found.row.track.longest(found.from, found.to) : null));
    this.parts.box.focus({ preventScroll: true });
  }

  hover(place) {
    const { view } = this;
    const found = place && this.down.size === 0 ? view.at(place.x, place.y) : null;
    const isSame = found?.thing && view.hover?.thing && found.thing.track === view.hover.thing.track && found.thing.number === view.hover.thing.number;
    view.hover = found;
    view.panel.hover(found, place?.left, place?.top);
    if (!isSame) view.request();
  }

  wheel(event) {
    const { view } = this;
    const size = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 200 : 1;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      view.zoom(Math.exp(Math.max(-1, Math.min(1, event.deltaY * size / 250))), view.moment(this.place(event).x));
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      view.pan((event.deltaX || event.deltaY) * size / view.width);
    }
  }

  overview(event) {
    const { view } = this;
    event.preventDefault();
    const bounds = this.parts.overview.getBoundingClientRect();
    if (event.type === 'pointerdown') this.parts.overview.setPointerCapture(event.pointerId);
    const middle = view.first + (event.clientX - bounds.left) / bounds.width * (view.last - view.first);
    const span = view.to - view.from;
    view.show(middle - span / 2, middle + span / 2);
  }

  // Keys

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target !== this.parts.box) return;
    const { view } = this;
    const amount = event.shiftKey ? 1 : 0.2;
    const thing = view.selection;
    const actions = {
      ArrowLeft: () => view.pan(-amount), ArrowRight: () => view.pan(amount), a: () => view.pan(-0.2), d: () => view.pan(0.2),
      A: () => view.pan(-1), D: () => view.pan(1),
      '+': () => this.zoom(0.5), '=': () => this.zoom(0.5), w: () => this.zoom(0.5), '-': () => this.zoom(2), s: () => this.zoom(2),
      0: () => view.show(view.first, view.last),
      Home: () => view.show(view.first, view.first + view.to - view.from),
      End: () => view.show(view.last - view.to + view.from, view.last),
      ArrowUp: () => view.move(-1), ArrowDown: () => view.move(1), n: () => view.step(1), p: () => view.step(-1),
      l: () => view.selectLongest(), f: () => thing && view.zoomTo(thing), Enter: () => this.parts.details.focus(),
      m: () => this.measure(), '/': () => this.parts.find.focus(), '?': () => this.help(true), t: () => this.text(),
      Escape: () => { view.range = null; view.select(null); view.panel.say('Nothing is selected.'); },
    };
    const action = Object.hasOwn(actions, event.key) ? actions[event.key] : null;
    if (!action) return;
    event.preventDefault();
    action();
  }

  /** Around what is selected, where it is in view. */
  zoom(factor) {
    const { view } = this;
    const thing = view.selection;
    const middle = thing ? (thing.chunk.begin[thing.index] + thing.chunk.end[thing.index]) / 2 : NaN;
    if (middle >= view.from && middle <= view.to) view.zoom(factor, middle); else view.zoom(factor);
  }

  measure() {
    const { view } = this;
    const thing = view.selection;
    view.range = thing ? [thing.chunk.begin[thing.index], thing.chunk.end[thing.index]] : [view.from, view.to];
    view.selection = null;
    view.panel.selected(false);
    view.request();
  }

  /** Opens and closes what is in view as text. */
  text() {
    const { tableBox } = this.parts;
    tableBox.open = !tableBox.open;
    if (tableBox.open) tableBox.querySelector('summary').focus();
  }

  help(isOpen) {
    const { help, box } = this.parts;
    help.hidden = !isOpen;
    (isOpen ? help : box).focus();
  }

  findKey(event) {
    const { view } = this;
    if (event.key === 'Escape') this.parts.box.focus();
    if (event.key !== 'Enter') return;
    event.preventDefault();
    view.panel.next(event.shiftKey ? -1 : 1);
  }

  // Buttons

  button(event) {
    const { view } = this;
    const button = event.target.closest('button');
    if (!button) return;
    if (button.dataset.link !== undefined) {
      const { thing } = view.panel.links[Number(button.dataset.link)];
      view.select(thing);
      this.parts.details.focus({ preventScroll: true });
    }
    const actions = {
      left: () => view.pan(-0.5), right: () => view.pan(0.5), out: () => this.zoom(2), in: () => this.zoom(0.5),
      all: () => view.show(view.first, view.last), previous: () => view.panel.next(-1), next: () => view.panel.next(1),
      help: () => this.help(this.parts.help.hidden), zoomTo: () => view.selection && view.zoomTo(view.selection),
    };
    actions[button.dataset.do]?.();
  }
}

/** Follows the page's address, or a link: `#at=RUN:NS`. */
function timelineFollow(hash) {
  const found = /^#at=(\d{1,6}):(\d{1,16})$/.exec(hash);
  const view = found && TimelineView.all.find((view) => view.number === Number(found[1]));
  if (!view) return;
  view.element.scrollIntoView({ block: 'start' });
  view.follow(Math.min(view.last, Math.max(view.first, Number(found[2]))));
  view.parts.box.focus({ preventScroll: true });
}

for (const element of document.querySelectorAll('div.timeline')) new TimelineInput(new TimelineView(element));
addEventListener('hashchange', () => timelineFollow(location.hash));
// The same link twice does not change the address.
document.addEventListener('click', (event) => {
  const link = event.target.closest?.('a[href^="#at="]');
  if (link && link.getAttribute('href') === location.hash) timelineFollow(location.hash);
});
timelineFollow(location.hash);
