// The elements that a timeline is made of.

/** An element with attributes and children; texts are never read as markup. */
function timelineElement(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null) element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

class TimelineParts {
  /** @param {TimelineView} view */
  constructor(view) {
    this.view = view;
    const make = timelineElement;
    const id = `timeline-${view.number}`;
    const button = (what, sign, title) => make('button', { type: 'button', class: `tl-${what}`, 'data-do': what, title, 'aria-label': title }, sign);
    this.find = make('input', { type: 'search', name: `${id}-search`, placeholder: 'Search', 'aria-label': 'Search this timeline', spellcheck: 'false', autocomplete: 'off' });
    this.found = make('span', { class: 'tl-found', role: 'status' });
    this.shown = make('span', { class: 'tl-shown' });
    this.bar = make('div', { class: 'tl-bar', role: 'toolbar', 'aria-label': 'Timeline' },
      make('span', { class: 'tl-group' }, button('left', '◀', 'Earlier (←)'), button('right', '▶', 'Later (→)'),
        button('out', '−', 'Zoom out (−)'), button('in', '+', 'Zoom in (+)'), button('all', 'Whole', 'The whole run (0)')),
      make('span', { class: 'tl-group tl-search' }, this.find, button('previous', '‹', 'Previous that was found (Shift+Enter)'),
        button('next', '›', 'Next that was found (Enter)'), this.found),
      make('span', { class: 'tl-group tl-end' }, this.shown, button('help', '?', 'Keys (?)')));
    this.small = make('canvas', { class: 'tl-small', 'aria-hidden': 'true' });
    this.here = make('div', { class: 'tl-here', 'aria-hidden': 'true' });
    this.overview = make('div', { class: 'tl-overview' }, this.small, this.here);
    this.picture = make('canvas', { class: 'tl-picture', 'aria-hidden': 'true' });
    this.marks = make('canvas', { class: 'tl-marks', 'aria-hidden': 'true' });
    this.corner = make('div', { class: 'tl-corner', 'aria-hidden': 'true' });
    this.tip = make('div', { class: 'tl-tip', 'aria-hidden': 'true', hidden: '' });
    this.names = make('div', { class: 'tl-names', 'aria-hidden': 'true' });
    this.stage = make('div', { class: 'tl-stage' }, this.picture, this.marks, make('div', { class: 'tl-pane' }, this.names), this.corner, this.tip);
    this.space = make('div', { class: 'tl-space' }, this.stage);
    this.box = make('div', {
      class: 'tl-box', tabindex: '0', role: 'application', 'aria-roledescription': 'timeline', 'aria-describedby': `${id}-keys`,
      'aria-label': `Timeline of run ${view.number}: ${view.run.tracks.length} tracks, ${timelineDuration(view.last - view.first)}`,
    }, this.space);
    this.hint = make('p', { class: 'tl-hidden', id: `${id}-keys` },
      'Arrow keys move in time and from track to track, plus and minus zoom, n and p select the next and the previous thing, Enter reads on, slash searches, question mark lists all keys.');
    this.key = make('p', { class: 'tl-key' });
    this.details = make('div', { class: 'tl-details', tabindex: '-1', role: 'group', 'aria-label': 'What is selected' });
    this.live = make('div', { class: 'tl-hidden tl-live', 'aria-live': 'polite' });
    this.table = make('div', { class: 'tl-rows' });
    this.tableBox = make('details', { class: 'tl-table' }, make('summary', {}, 'What is in view, as text'), this.table);
    this.help = make('div', { class: 'tl-manual', role: 'dialog', 'aria-label': 'Keys of the timeline', tabindex: '-1', hidden: '' }, ...TimelineParts.keys());
    view.element.append(this.bar, this.overview, this.box, this.help, this.hint, this.live, this.key, this.details, this.tableBox);
    const { leftOut } = view.run;
    if (leftOut[0] > 0) {
      view.element.append(make('p', { class: 'remark' },
        `The page has ${timelineCount(leftOut[0])} of this run's things as sums only, the first of them at ${timelineMoment(leftOut[1])}: `
        + '--timeline-items says how many it has one by one, --from and --to of which part.'));
    }
  }

  /** What the keys do, as a list. */
  static keys() {
    const make = timelineElement;
    const rows = [
      ['← → or a d', 'move in time; with Shift by a whole view'], ['+ − or w s', 'zoom'], ['0', 'the whole run'],
      ['Home End', 'the beginning, the end'], ['↑ ↓', 'another track'], ['n p', 'the next and the previous thing of the track'],
      ['l', 'the longest thing of the track in view'], ['f', 'zoom to what is selected'], ['Enter', 'read what is selected, and what it leads to'],
      ['m', 'measure what is in view, or what is selected'], ['/', 'search; Enter and Shift+Enter go through what was found'],
      ['t', 'what is in view, as text'], ['Escape', 'back; selects nothing'], ['Ctrl + wheel, pinch', 'zoom'], ['drag, Shift + wheel', 'move'],
      ['Shift + drag', 'measure'], ['double click', 'zoom in'],
    ];
    const list = make('dl', {});
    for (const [keys, what] of rows) list.append(make('dt', {}, keys), make('dd', {}, what));
    const search = make('p', {}, 'A search finds things of which all words are true: what they are, as in “exit”, “io out”, “serial0”, “vcpu1”; '
      + 'how long they take, as in “>50us” or “<2ms”; the address of an exit, as in “0x3f8”.');
    return [list, search, make('button', { type: 'button', 'data-do': 'help' }, 'Close')];
  }

  get nameWidth() { return this.view.layout.isNarrow ? 0 : this.names.clientWidth || 0; }

  /** Puts names where the rows are. */
  place() {
    const { layout, run, element } = this.view;
    element.classList.toggle('tl-narrow', layout.isNarrow);
    this.space.style.height = `${layout.height}px`;
    this.names.replaceChildren(...layout.rows.map((row) => {
      const name = timelineElement('div', { class: `tl-name tl-of-${row.track.kind}`, title: row.track.name }, row.track.name);
      name.style.top = `${row.top}px`;
      name.style.height = `${layout.isNarrow ? layout.name : row.height}px`;
      return name;
    }));
    this.box.style.setProperty('--tl-rows', `${layout.height}px`);
    if (run.tracks.length === 0) this.names.append('Nothing of this run has a place in time.');
  }

  /** What the colours mean. */
  legend() {
    const { run, colors } = this.view;
    const shown = new Map();
    const rank = (key) => TimelineColors.looks.indexOf(run.keys[key].look);
    const used = new Set();
    for (const track of run.tracks) for (const key of track.sumKeys()) used.add(key);
    for (const number of [...used].sort((a, b) => rank(a) - rank(b) || a - b)) {
      const key = run.keys[number];
      const name = TimelineColors.named(key);
      // These have tracks of their own, with their names beside them; an exit has the colour of its device.
      if (key.look === 'exit' || key.look === 'mark' || key.look === 'interrupt') continue;
      if (!shown.has(name)) shown.set(name, []);
      shown.get(name).push(key.look === 'request' ? `${key.label} request` : key.label);
    }
    this.key.replaceChildren(...[...shown].slice(0, 24).map(([name, labels]) => {
      const swatch = timelineElement('span', { class: 'tl-swatch', 'aria-hidden': 'true' });
      swatch.style.background = colors.value(name);
      const text = labels.length > 3 ? `${labels.slice(0, 3).join(', ')} …` : labels.join(', ');
      return timelineElement('span', { class: 'tl-key-item' }, swatch, text);
    }));
  }

  /** What changes with each picture. */
  update() {
    const { view } = this;
    this.names.style.transform = `translateY(${-view.scroll}px)`;
    const span = view.to - view.from;
    this.shown.textContent = `${timelineDuration(span)} from ${timelineMoment(view.from, TimelineParts.digits(span))}`;
    this.corner.textContent = view.width > 0 ? `${timelineDuration(view.marks.step)} / line` : '';
    const whole = view.last - view.first;
    this.here.style.left = `${(view.from - view.first) / whole * 100}%`;
    this.here.style.width = `${span / whole * 100}%`;
    this.names.querySelector('.tl-current')?.classList.remove('tl-current');
    this.names.children[view.row]?.classList?.add('tl-current');
    this.paintOverview();
  }

  static digits(span) { return Math.min(9, Math.max(0, 9 - Math.floor(Math.log10(Math.max(1, span))) + 2)); }

  /** The whole run, small: what the first vCPUs did. */
  paintOverview() {
    const { view } = this;
    const width = Math.round(this.overview.clientWidth * view.ratio);
    const height = Math.round(this.overview.clientHeight * view.ratio);
    if (width < 1 || height < 1 || this.overviewOf === view.colors && this.small.width === width && this.small.height === height) return;
    [this.small.width, this.small.height] = [width, height];
    this.overviewOf = view.colors;
    const picture = new TimelinePicture(width, height);
    picture.pixels.fill(view.colors.pixel('band'));
    const painter = new TimelinePainter(picture, view.run, view.colors);
    painter.begin();
    const tracks = view.run.tracks.filter((track) => track.kind === 'states').slice(0, 4);
    tracks.forEach((track, place) => {
      const top = Math.round(place * height / tracks.length);
      painter.paint(track, { from: view.first, to: view.last }, top, Math.round((place + 1) * height / tracks.length) - top - (place + 1 < tracks.length ? 1 : 0));
    });
    this.small.getContext('2d', { alpha: false }).putImageData(picture.image, 0, 0);
    // Not all of it was decoded yet.
    if (view.run.isWaiting) this.overviewOf = null;
  }

  /** Scrolls to a row that is out of sight. */
  revealRow(row) {
    if (!row) return;
    const [top, bottom] = [row.top - TimelineLayout.axis - 4, row.y + row.height + 4 - this.box.clientHeight];
    if (this.box.scrollTop > top) this.box.scrollTop = Math.max(0, top);
    if (this.box.scrollTop < bottom) this.box.scrollTop = bottom;
  }
}
