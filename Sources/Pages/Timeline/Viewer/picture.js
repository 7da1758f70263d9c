// A picture of tracks, made pixel by pixel: however much there is to draw, a frame is one buffer of pixels.

/** The pixels of a part of a page. */
class TimelinePicture {
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.image = new ImageData(width, height);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  fill(x0, x1, y0, y1, color) {
    const [left, right] = [Math.max(0, x0), Math.min(this.width, x1)];
    for (let y = Math.max(0, y0), stop = Math.min(this.height, y1); y < stop; y++) {
      this.pixels.fill(color, y * this.width + left, y * this.width + right);
    }
  }

  /** Stripes that say that nothing is known. */
  hatch(x0, x1, y0, y1, color) {
    for (let y = Math.max(0, y0); y < Math.min(this.height, y1); y++) {
      for (let x = Math.max(0, x0); x < Math.min(this.width, x1); x++) {
        if ((x + y) % 6 < 2) this.pixels[y * this.width + x] = color;
      }
    }
  }
}

/** Colours of the page as pixels, in the order in which the shares of a column are stacked. */
class TimelineColors {
  static looks = [
    'guest', 'asleep', 'host', 'request', 'wakeup', 'polling', 'other', 'exit', 'device', 'lock', 'unknown', 'interrupt',
    'mark',
  ];

  constructor(element) {
    const style = getComputedStyle(element);
    const context = document.createElement('canvas').getContext('2d');
    this.text = new Map();
    this.inks = new Map();
    this.value = (name) => {
      const known = this.text.get(name);
      if (known) return known;
      context.fillStyle = '#000000';
      context.fillStyle = style.getPropertyValue(`--tl-${name}`).trim();
      this.text.set(name, context.fillStyle);
      return context.fillStyle;
    };
  }

  /** A colour as a pixel. */
  pixel(name) {
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(this.value(name).slice(at, at + 2), 16));
    return (255 << 24 | b << 16 | g << 8 | r) >>> 0;
  }

  /** How light a colour is (WCAG 2.2, relative luminance). */
  luminance(name) {
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(this.value(name).slice(at, at + 2), 16) / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }

  /** The contrast of two colours, 1 to 21. */
  contrast(one, other) {
    const [darker, lighter] = [this.luminance(one), this.luminance(other)].sort((a, b) => a - b);
    return (lighter + 0.05) / (darker + 0.05);
  }

  /** The name of the colour of letters that are read on another one. */
  letters(name) {
    const known = this.inks.get(name);
    if (known) return known;
    const best = this.contrast(name, 'dark') > this.contrast(name, 'ink') ? 'dark' : 'ink';
    this.inks.set(name, best);
    return best;
  }

  /** The name of a key's colour. */
  static named({ look, hue }) {
    if (look === 'device' || look === 'exit') return `hue-${hue % 8}`;
    if (look === 'request') return `request-${hue % 4}`;
    if (look === 'host') return `host-${hue % 4}`;
    return look;
  }

  /** Pixels by key, and where a key's share is in a column's stack. */
  ofKeys(keys) {
    return {
      pixels: Uint32Array.from(keys, (key) => this.pixel(TimelineColors.named(key))),
      ranks: Uint8Array.from(keys, (key) => Math.max(0, TimelineColors.looks.indexOf(key.look))),
    };
  }
}

/** Draws one track: things of some pixels as they are, all others as what each pixel's time is made of. */
class TimelinePainter {
  /** Groups of no more pixels are drawn as such: with one pixel there would be twice as many of them. */
  static finest = 2;
  /** Things of so many pixels are drawn one by one. */
  static least = 3;
  /** Texts of a picture. */
  static mostLabels = 400;

  constructor(picture, run, colors) {
    this.picture = picture;
    this.run = run;
    this.colors = colors.ofKeys(run.keys);
    this.ticks = new Float64Array(picture.width);
    this.parts = new Float64Array(0);
    this.begin();
  }

  /** Begins another picture. */
  begin() {
    this.labels = [];
    /** Requests that are drawn one by one. */
    this.requests = [];
  }

  /** Keys of a track in the order of stacks, as its topmost groups have them. */
  slots(track) {
    if (track.slots) return track.slots;
    const ordered = [...track.sumKeys()].sort((a, b) => this.colors.ranks[a] - this.colors.ranks[b] || a - b);
    track.slots = { ordered, of: new Map(ordered.map((key, slot) => [key, slot])) };
    return track.slots;
  }

  /** @param {{from: number, to: number}} view @param {number} y0 first line @param {number} height lines */
  paint(track, view, y0, height) {
    Object.assign(this, { track, y0, height, from: view.from });
    this.scale = this.picture.width / (view.to - view.from);
    const { ordered, of } = this.slots(track);
    this.slotOf = of;
    this.slotCount = ordered.length;
    const size = this.picture.width * Math.max(1, ordered.length);
    if (this.parts.length < size) this.parts = new Float64Array(size); else this.parts.fill(0, 0, size);
    this.ticks.fill(0);
    this.tickColor = 0;
    this.lanes = Math.max(1, track.lanes);
    this.hasParts = this.hasTicks = false;
    track.visit(view.from, view.to, TimelinePainter.finest / this.scale, this, true);
    if (this.hasParts) this.stack(ordered);
    if (this.hasTicks) this.paintTicks();
  }

  thing(chunk, index, number) {
    const x0 = (chunk.begin[index] - this.from) * this.scale;
    const x1 = (chunk.end[index] - this.from) * this.scale;
    const key = this.track.keyOf(chunk, index);
    if (!chunk.hasEnd[index] || this.track.isInstant) return void this.tick(x0, 1, key, chunk, index);
    if (x1 - x0 < TimelinePainter.least) {
      if (x1 === x0) return void this.tick(x0, 1, key);
      if (this.track.kind === 'gaps') return void this.tick(x0, 1, key);
      const host = this.track.kind === 'requests' ? this.track.hostOf(chunk, index) : null;
      const inHost = host ? (host[1] - host[0]) * this.scale : 0;
      this.spread(x0, x1, key, x1 - x0 - inHost);
      if (inHost > 0) this.spread(x0, x1, this.run.hostKey[key], inHost);
      return;
    }
    const [left, right] = [Math.round(x0), Math.max(Math.round(x0) + 2, Math.round(x1))];
    // What follows is told apart by a pixel between.
    const stop = right - left > 4 ? right - 1 : right;
    if (this.track.kind === 'requests') return void this.request(chunk, index, number, left, stop, key);
    if (this.track.kind === 'gaps') {
      this.picture.hatch(left, right, this.y0, this.y0 + this.height, this.colors.pixels[key]);
    } else {
      this.picture.fill(left, stop, this.y0, this.y0 + this.height, this.colors.pixels[key]);
    }
    this.label(left, stop, this.y0, this.height, this.run.keys[key]);
  }

  /** On its lane, with the part in which the host works on it. */
  request(chunk, index, number, left, stop, key) {
    this.requests.push({ track: this.track, number, chunk, index });
    const lane = chunk.extra(0)[index];
    const top = this.y0 + Math.floor(lane * this.height / this.lanes);
    const bottom = Math.max(top + 1, this.y0 + Math.floor((lane + 1) * this.height / this.lanes) - (this.height / this.lanes > 4 ? 1 : 0));
    this.picture.fill(left, stop, top, bottom, this.colors.pixels[key]);
    const host = this.track.hostOf(chunk, index);
    if (host) {
      const [from, to] = host.map((moment) => Math.round((moment - this.from) * this.scale));
      this.picture.fill(Math.max(left, from), Math.min(stop, to), top, bottom, this.colors.pixels[this.run.hostKey[key]]);
    }
    if (bottom - top >= 11) this.label(left, stop, top, bottom - top, this.run.keys[key], host ? this.run.keys[this.run.hostKey[key]] : undefined);
  }

  /** @param {object} ground the key whose colour is behind the text */
  label(left, right, y, height, key, ground = key) {
    const [from, to] = [Math.max(0, left), Math.min(this.picture.width, right)];
    if (to - from < 30 || this.labels.length >= TimelinePainter.mostLabels) return;
    this.labels.push({ x: from, y, width: to - from, height, text: key.label, color: TimelineColors.named(ground) });
  }

  /** Writes what things are into them, as far as it fits. */
  write(context, ratio, font, colors) {
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.font = font.replace(/^\d+/, (size) => String(Math.round(size * ratio)));
    context.textBaseline = 'middle';
    for (const { x, y, width, height, text, color } of this.labels) {
      const room = width - 8 * ratio;
      const shown = this.fitted(context, text, room);
      if (!shown) continue;
      context.fillStyle = colors.value(colors.letters(color));
      context.fillText(shown, x + 4 * ratio, y + height / 2 + ratio / 2);
    }
  }

  /** A text, or its begin and a sign that there was more; nothing where not even that fits. */
  fitted(context, text, room) {
    this.widths ??= new Map();
    const width = this.widths.get(text) ?? context.measureText(text).width;
    if (this.widths.size < 4096) this.widths.set(text, width);
    if (width <= room) return text;
    const letters = Math.floor(room / width * text.length) - 1;
    return letters < 3 ? '' : `${text.slice(0, letters)}…`;
  }

  group(chunk, index) {
    const x0 = (chunk.begin[index] - this.from) * this.scale;
    const x1 = (chunk.end[index] - this.from) * this.scale;
    const [first, stop] = [chunk.first[index], chunk.first[index + 1]];
    if (this.track.isInstant || this.track.kind === 'gaps' || first === stop) {
      const key = first < stop ? chunk.shareKey[first] : 0;
      // Of several pixels, as there is nothing finer, each has some.
      for (let x = Math.floor(x0); x <= Math.min(this.picture.width, x1); x++) if (x >= 0) this.tick(x, 1, key);
      return;
    }
    for (let at = first; at < stop; at++) {
      this.spread(x0, Math.max(x1, x0 + 1e-6), chunk.shareKey[at], chunk.shareValue[at] * this.scale);
    }
  }

  /** Divides time, in pixels, evenly among the pixels from one place to another. */
  spread(x0, x1, key, value) {
    const slot = this.slotOf.get(key);
    if (slot === undefined) return;
    this.hasParts = true;
    const width = this.picture.width;
    const [first, last] = [Math.max(0, Math.floor(x0)), Math.min(width - 1, Math.floor(x1))];
    if (first === last) {
      this.parts[first * this.slotCount + slot] += value * this.inside(x0, x1, first);
      return;
    }
    for (let x = first; x <= last; x++) this.parts[x * this.slotCount + slot] += value * this.inside(x0, x1, x);
  }

  /** The part of what is from one place to another that is in a pixel. */
  inside(x0, x1, x) { return Math.max(0, Math.min(x1, x + 1) - Math.max(x0, x)) / (x1 - x0); }

  tick(x, count, key) {
    const place = Math.floor(x);
    if (place < 0 || place >= this.picture.width) return;
    this.hasTicks = true;
    this.tickColor = this.colors.pixels[key];
    this.ticks[place] += count;
  }

  paintTicks() {
    for (let x = 0; x < this.picture.width; x++) {
      if (this.ticks[x] > 0) this.picture.fill(x, x + 1, this.y0, this.y0 + this.height, this.tickColor);
    }
  }

  /** Each pixel's time, from the bottom up; what takes part of it at all is seen. */
  stack(ordered) {
    const { picture, parts, slotCount, y0, height } = this;
    // Where most time is none's, what there is must not be lost sight of.
    const least = Math.min(height, { exits: 3, wakeups: 3, requests: 2 }[this.track.kind] ?? 1);
    for (let x = 0; x < picture.width; x++) {
      let bottom = y0 + height;
      for (let slot = 0; slot < slotCount && bottom > y0; slot++) {
        const part = parts[x * slotCount + slot];
        if (part <= 1e-9) continue;
        let above = 0;
        for (let other = slot + 1; other < slotCount; other++) if (parts[x * slotCount + other] > 1e-9) above++;
        const wanted = Math.max(least, Math.round(part / this.lanes * height));
        const top = Math.max(Math.min(bottom - 1, y0 + above), bottom - wanted);
        const color = this.colors.pixels[ordered[slot]];
        for (let y = Math.max(0, y0, top), stop = Math.min(bottom, picture.height); y < stop; y++) picture.pixels[y * picture.width + x] = color;
        bottom = top;
      }
    }
  }
}
