// What a timeline says in words: of what is selected, under the pointer, and in view; and the search.

class TimelinePanel {
  /** Things that are listed one by one. */
  static mostListed = 100;
  /** ms until what has to be said is said: keys may follow each other. */
  static pause = 250;

  /** @param {TimelineView} view */
  constructor(view) {
    this.view = view;
    this.parts = view.parts;
    this.parts.tableBox.addEventListener('toggle', () => this.list());
    this.selected(true);
  }

  /** Says something to who cannot see. */
  say(text) {
    clearTimeout(this.saying);
    this.saying = setTimeout(() => { this.parts.live.textContent = text; }, 60);
  }

  /** Another part is in view. */
  moved() {
    clearTimeout(this.moving);
    this.moving = setTimeout(() => {
      const { view } = this;
      this.say(`${timelineDuration(view.to - view.from)} from ${timelineMoment(view.from)}`);
      this.list();
    }, TimelinePanel.pause);
  }

  // What is selected

  selected(isQuiet) {
    const { view, parts } = this;
    const thing = view.selection;
    const make = timelineElement;
    if (!thing) {
      parts.details.replaceChildren(make('p', { class: 'remark' }, view.range ? this.rangeText() : 'Nothing is selected: click on something, or press n.'));
      if (view.range) parts.details.append(this.sums(...this.ordered(view.range)));
      if (view.range && !isQuiet) this.say(this.rangeText());
      return;
    }
    const title = view.words.title(thing);
    const details = view.words.details(thing);
    const list = make('ul', {}, ...details.map((words) => make('li', {}, words)));
    const begin = Math.round(thing.chunk.begin[thing.index]);
    const actions = make('p', { class: 'tl-actions' });
    this.links = view.ways.from(thing, view.words);
    this.links.forEach((link, place) => actions.append(make('button', { type: 'button', 'data-link': place }, link.label)));
    actions.append(
      make('button', { type: 'button', 'data-do': 'zoomTo' }, 'Zoom to it'),
      make('a', { href: `#at=${view.number}:${begin}` }, 'Link to this moment'));
    parts.details.replaceChildren(make('h3', {}, title), list, actions);
    if (isQuiet) return;
    this.say(`${title}, ${details.join(', ')}`);
    // That it was brought into view goes without saying.
    clearTimeout(this.moving);
    this.moving = setTimeout(() => this.list(), TimelinePanel.pause);
  }

  ordered([a, b]) { return a < b ? [a, b] : [b, a]; }

  rangeText() {
    const [from, to] = this.ordered(this.view.range);
    return from === to ? `The moment ${timelineMoment(from)}` : `${timelineDuration(to - from)}, from ${timelineMoment(from)} to ${timelineMoment(to)}`;
  }

  /** What each track adds up to in a part of the run. */
  sums(from, to) {
    const { view } = this;
    const make = timelineElement;
    const rows = view.run.tracks.slice(0, TimelinePanel.mostListed).map((track) => make('tr', {},
      make('th', { scope: 'row' }, track.name), make('td', {}, view.words.sum(track, from, to))));
    const more = view.run.tracks.length - rows.length;
    if (more > 0) rows.push(make('tr', {}, make('td', { colspan: '2' }, `and ${timelineNumber(more, 'track')} more`)));
    return make('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Sums' },
      make('table', {}, make('thead', {}, make('tr', {}, make('th', { scope: 'col' }, 'Track'), make('th', { scope: 'col' }, 'In this part'))), make('tbody', {}, ...rows)));
  }

  /** What is in view, as a table that can be copied, where it is open. */
  list() {
    const { view, parts } = this;
    if (!parts.tableBox.open) return;
    const make = timelineElement;
    const track = view.layout.rows[view.row]?.track;
    parts.table.replaceChildren(
      make('p', {}, `${timelineDuration(view.to - view.from)}, from ${timelineMoment(view.from)} to ${timelineMoment(view.to)}`),
      this.sums(view.from, view.to));
    if (!track) return;
    const rows = [];
    let isMore = false;
    track.visit(view.from, view.to, -1, {
      group: () => { isMore = true; return true; },
      thing: (chunk, index, number) => {
        if (rows.length >= TimelinePanel.mostListed) return isMore = true;
        const thing = { track, number, chunk, index };
        const length = chunk.hasEnd[index] && !track.isInstant ? timelineDuration(chunk.end[index] - chunk.begin[index]) : '–';
        rows.push(make('tr', {}, make('td', {}, timelineMoment(chunk.begin[index])), make('td', { class: 'number' }, length),
          make('td', { class: 'text' }, view.words.title(thing))));
        return false;
      },
    });
    parts.table.append(
      make('p', {}, `${track.name}${isMore ? `, the first ${timelineCount(rows.length)} that the page has one by one` : ''}:`),
      make('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': track.name },
        make('table', {}, make('thead', {}, make('tr', {}, ...['At', 'Duration', 'What'].map((word) => make('th', { scope: 'col' }, word)))), make('tbody', {}, ...rows))));
  }

  // Under the pointer

  /** @param {object|null} found of `TimelineView.at` @param {number} x @param {number} y in the stage */
  hover(found, x, y) {
    const { view, parts } = this;
    const { tip } = parts;
    const isShown = found && (found.thing || found.from !== undefined);
    tip.hidden = !isShown;
    if (!isShown) return;
    const make = timelineElement;
    if (found.thing) {
      tip.replaceChildren(make('strong', {}, view.words.title(found.thing)), ...view.words.details(found.thing).map((words) => make('span', {}, words)));
    } else {
      const { track } = found.row;
      tip.replaceChildren(make('strong', {}, `${track.name}, ${timelineDuration(found.to - found.from)} at ${timelineMoment(found.from)}`),
        make('span', {}, view.words.sum(track, found.from, found.to)));
    }
    const [width, height] = [tip.offsetWidth, tip.offsetHeight];
    const { clientWidth, clientHeight } = parts.stage;
    const left = x + 14 + width <= clientWidth ? x + 14 : Math.max(0, Math.min(x - width - 14, clientWidth - width));
    const top = y + 18 + height <= clientHeight ? y + 18 : Math.max(0, y - height - 12);
    [tip.style.left, tip.style.top] = [`${left}px`, `${top}px`];
  }

  // Search

  /** Looks for other words. */
  search(text) {
    const { view } = this;
    this.place = -1;
    view.search = new TimelineSearch(view.run, view.words, text);
    clearTimeout(this.searching);
    this.searching = setTimeout(() => this.seek(view.search), TimelinePanel.pause / 2);
    this.tellFound();
  }

  /** A part of a search, then the next one with the next picture. */
  seek(search) {
    if (search !== this.view.search) return;
    search.step(performance.now() + TimelineView.patience);
    this.tellFound();
    if (search.isDone) this.view.request(); else requestAnimationFrame(() => this.seek(search));
  }

  tellFound() {
    const { search } = this.view;
    const { found } = this.parts;
    if (!search || search.query.isEmpty) {
      found.textContent = '';
      return;
    }
    if (!search.isDone) {
      found.textContent = `${timelineCount(search.count)} …`;
      return;
    }
    const place = this.place >= 0 ? `${timelineCount(this.place + 1)} of ` : '';
    found.textContent = search.count === 0 && !search.isLeftOut ? 'Nothing found'
      : `${place}${timelineCount(search.count)}${search.isLeftOut ? ' of what is one by one' : ''}`;
  }

  /** Goes to what was found next, from what is selected or in view. */
  next(direction) {
    const { view } = this;
    const hits = view.search?.isDone ? view.search.hits : [];
    if (hits.length === 0) return;
    if (this.place < 0) {
      const from = view.selection ? view.selection.chunk.begin[view.selection.index] : view.from;
      const first = hits.findIndex((hit) => hit.begin >= from);
      this.place = direction > 0 ? (first < 0 ? 0 : first) : (first < 0 ? hits.length : first) - 1;
    } else {
      this.place += direction;
    }
    this.place = (this.place + hits.length) % hits.length;
    const hit = hits[this.place];
    const thing = hit.track.thing(hit.number);
    if (thing) {
      const pixel = (view.to - view.from) / view.width;
      if (thing.chunk.end[thing.index] - thing.chunk.begin[thing.index] < pixel * 3) view.zoomTo(thing);
      view.select(thing);
    }
    this.tellFound();
  }
}
