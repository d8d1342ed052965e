// The flow picture: draws the plain JSON of tracer/ui/picture.py as SVG. No third-party code, no request.
// Every text is somebody else's text: it goes in through textContent only, never as markup.

const NS = "http://www.w3.org/2000/svg";
const HEAD = 44, LEFT = 4, RIGHT = 34, PAD_Y = 20, FOOT = 14;
const FONT = '"Source Sans", "Noto Sans CJK JP", "Noto Sans JP", "Yu Gothic UI", "Hiragino Sans", "Meiryo", sans-serif';

// Icons in a box from -8 to 8, drawn as strokes.
const ICONS = {
  seed: "M0-5.5V1M0 4.6V5",
  exchange: "M-5.5 4.5H5.5M-4 2V-1.5M0 2V-1.5M4 2V-1.5M-5.5-2.5L0-5.5L5.5-2.5Z",
  mixer: "M-5-3H-2.5L2.5 3H5M-5 3H-2.5L2.5-3H5M3.4-4.8L5.3-3L3.4-1.2M3.4 1.2L5.3 3L3.4 4.8",
  bridge: "M-6 3.5H6M-5 3.5V-2.5M5 3.5V-2.5M-6-.5Q0-5.5 6-.5M0 3.5V-2.5",
  swap: "M-5-2.2H4.4M2-4.6L4.6-2.2L2 .2M5 2.6H-4.4M-2 .2L-4.6 2.6L-2 5",
  sanctioned: "M-4-4L4 4M4-4L-4 4",
  transaction: "M-5-3L0 0L5-3M-5 3L0 0L5 3",
  sink: "M0-5V2.5M-3-.3L0 2.8L3-.3M-4.5 5H4.5",
  excluded: "M0-4.5V.8M0 4V4.2",
  fold: "M-3.6 0H-3.4M-.1 0H.1M3.4 0H3.6",
};

function make(tag, attributes, parent, text) {
  const element = document.createElementNS(NS, tag);
  for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, String(value));
  if (text !== undefined) element.textContent = text;
  if (parent) parent.appendChild(element);
  return element;
}

// A text that is wider than its place is drawn narrower, so that it does not run into the next one.
function fit(text, width) {
  text.removeAttribute("textLength");
  if (width > 0 && text.getComputedTextLength() > width) {
    text.setAttribute("lengthAdjust", "spacingAndGlyphs");
    text.setAttribute("textLength", width.toFixed(1));
  }
}

// A shape per kind, so that colour is never the only difference.
function outline(kind, r) {
  const s = r * 0.92;
  switch (kind) {
    case "seed": case "sanctioned": { // octagon
      const c = r * 0.41;
      return `M${-c} ${-r}H${c}L${r} ${-c}V${c}L${c} ${r}H${-c}L${-r} ${c}V${-c}Z`;
    }
    case "exchange": return `M${-s} ${-s}H${s}V${s}H${-s}Z`;
    case "mixer": return `M0 ${-r * 1.18}L${r * 1.18} 0L0 ${r * 1.18}L${-r * 1.18} 0Z`;
    case "bridge": return `M${-r * 1.2} ${s}V${-r * 0.2}A${r * 1.2} ${r * 0.8} 0 0 1 ${r * 1.2} ${-r * 0.2}V${s}Z`;
    case "transaction": return `M${-s} ${-s}L0 ${-r * 0.35}L${s} ${-s}V${s}L0 ${r * 0.35}L${-s} ${s}Z`;
    case "sink": return `M${-r} ${-s}H${r}L0 ${r * 1.15}Z`;
    case "excluded": return `M0 ${-r * 1.1}L${r * 1.1} ${s}H${-r * 1.1}Z`;
    case "fold": { const b = r * 0.3; return `M${-s + b} ${-s}H${s - b}Q${s} ${-s} ${s} ${-s + b}V${s - b}Q${s} ${s} ${s - b} ${s}H${-s + b}Q${-s} ${s} ${-s} ${s - b}V${-s + b}Q${-s} ${-s} ${-s + b} ${-s}Z`; }
    default: return `M0 ${-r}A${r} ${r} 0 1 1 0 ${r}A${r} ${r} 0 1 1 0 ${-r}Z`;
  }
}

function drawGlyph(parent, kind, r, passed, many) {
  const css = kind === "excluded" ? "excluded-n" : kind;
  if (many || kind === "fold") make("path", { d: outline(kind, r), class: `shape ${css} foldback`, transform: `translate(${r * 0.35} ${-r * 0.35})` }, parent);
  make("path", { d: outline(kind, r), class: `shape ${css}${passed && kind === "unknown" ? " passed" : ""}` }, parent);
  if (ICONS[kind] && r >= 6) make("path", { d: ICONS[kind], class: "icon", transform: `scale(${(r * 0.92 / 8).toFixed(3)})` }, parent);
}

class Canvas {
  constructor(root, send) {
    this.root = root;
    this.send = send;
    this.svg = root.querySelector("svg.flow");
    this.stage = root.querySelector(".stage");
    this.tip = root.querySelector(".tip");
    this.search = root.querySelector(".search");
    this.view = { k: 1, x: 0, y: 0 };
    this.nodes = new Map();
    this.focus = "";
    this.over = "";
    this.query = "";
    this.pen = document.createElement("canvas").getContext("2d");
    this.off = new AbortController();
    this.listen();
    this.size = new ResizeObserver(() => this.paint());
    this.size.observe(this.stage);
  }

  destroy() {
    this.off.abort();
    this.size.disconnect();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.click);
  }

  update(data) {
    const fresh = !this.data || this.data.rev !== data.rev;
    this.data = data;
    this.texts = data.texts;
    if (this.turn !== data.turn) { // the page chose; a click here never comes back as data
      this.turn = data.turn;
      this.chosen = data.selected;
    }
    this.route = new Set(data.route);
    const on = data.height || 620;
    this.stage.style.height = `${on}px`;
    this.search.placeholder = this.texts.search;
    this.search.setAttribute("aria-label", this.texts.search);
    this.svg.setAttribute("aria-label", this.texts.picture);
    for (const button of this.root.querySelectorAll("[data-act]")) {
      const act = button.dataset.act;
      if (!act.startsWith("zoom")) button.textContent = this.texts[act];
      button.title = this.texts[act];
      button.setAttribute("aria-label", this.texts[act]);
    }
    if (fresh) this.build();
    this.words();
    this.paint();
  }

  words() {
    const legend = this.root.querySelector(".legend");
    legend.replaceChildren();
    for (const entry of this.data.legend) {
      const item = document.createElement("span");
      const mark = make("svg", { viewBox: "-9 -9 18 18" }, item);
      drawGlyph(mark, entry.kind, entry.passed ? 6 : 8, entry.passed);
      item.appendChild(document.createTextNode(entry.text));
      legend.appendChild(item);
    }
    const status = this.root.querySelector(".status");
    status.replaceChildren();
    for (const text of [this.data.status, this.texts.width]) {
      const part = document.createElement("span");
      part.textContent = text;
      status.appendChild(part);
    }
  }

  build() {
    this.view = { k: 1, x: 0, y: 0 };
    this.svg.replaceChildren();
    this.nodes.clear();
    const layer = (name) => make("g", { class: name }, this.svg);
    this.bands = layer("bands");
    this.edgeLayer = layer("edges");
    this.nodeLayer = layer("nodes");
    this.labelLayer = layer("labels");
    this.headLayer = layer("heads");
    this.edges = this.data.edges.map((edge) => {
      const line = make("path", { class: `edge ${edge.kind}` }, this.edgeLayer);
      const tip = make("path", { class: `tipend ${edge.kind}` }, this.edgeLayer);
      line.addEventListener("pointerenter", (event) => this.hint(edge.lines, event));
      line.addEventListener("pointerleave", () => this.hint(null));
      return { ...edge, line, tip, width: edge.kind === "excluded" ? 1 : 1 + 11 * Math.sqrt(edge.weight) };
    });
    this.incident = new Map();
    for (const edge of this.edges) for (const end of [edge.source, edge.target]) {
      if (!this.incident.has(end)) this.incident.set(end, []);
      this.incident.get(end).push(edge);
    }
    for (const node of this.data.nodes) {
      const small = node.kind === "unknown" || node.kind === "excluded";
      const r = node.kind === "seed" ? 14 : small ? 4.5 + 5 * Math.sqrt(node.weight) : 9 + 4 * Math.sqrt(node.weight);
      const group = make("g", { class: "node", tabindex: -1, role: "button", "data-id": node.id }, this.nodeLayer);
      group.setAttribute("aria-label", [node.label, node.sub, ...node.lines].join(", "));
      const ring = make("circle", { r: r + 4, class: "ring" }, group);
      const touch = make("circle", { r, fill: "transparent" }, group);
      const glyph = make("g", {}, group);
      drawGlyph(glyph, node.kind, r, node.passed, node.count > 0);
      this.nodes.set(node.id, { ...node, full: r, r, group, glyph, ring, touch });
    }
    this.heads = this.data.columns.map((column) => ({
      ...column,
      band: make("rect", { class: "band" }, this.bands),
      text: make("text", { class: "head" }, this.headLayer, column.title),
      sub: make("text", { class: "headsub" }, this.headLayer, column.sub),
    }));
  }

  listen() {
    const signal = this.off.signal;
    const on = (target, type, act, options) => target.addEventListener(type, act, { signal, ...options });
    on(this.svg, "wheel", (event) => {
      const active = event.ctrlKey || event.metaKey || this.root.getRootNode().activeElement === this.svg || document.fullscreenElement;
      if (!active) return;
      event.preventDefault();
      const box = this.svg.getBoundingClientRect();
      this.zoom(Math.exp(-event.deltaY * 0.0016), event.clientX - box.left, event.clientY - box.top);
    }, { passive: false });
    on(this.svg, "pointerdown", (event) => {
      if (event.button !== 0) return;
      this.drag = { x: event.clientX, y: event.clientY, vx: this.view.x, vy: this.view.y, moved: false, node: event.target.closest(".node") };
      this.svg.setPointerCapture(event.pointerId);
      this.svg.focus({ preventScroll: true });
    });
    on(this.svg, "pointermove", (event) => {
      if (!this.drag) return this.hover(event);
      const dx = event.clientX - this.drag.x, dy = event.clientY - this.drag.y;
      if (Math.abs(dx) + Math.abs(dy) > 4) this.drag.moved = true;
      if (!this.drag.moved) return;
      this.svg.classList.add("drag");
      this.hint(null);
      this.view.x = this.drag.vx + dx;
      this.view.y = this.drag.vy + dy;
      this.paint();
    });
    on(this.svg, "pointerup", () => {
      const drag = this.drag;
      this.drag = null;
      this.svg.classList.remove("drag");
      if (!drag || drag.moved) return;
      this.choose(drag.node ? drag.node.dataset.id : "");
    });
    on(this.svg, "pointerleave", () => { this.hint(null); if (this.over) { this.over = ""; this.mark(); } });
    on(this.svg, "dblclick", (event) => {
      const under = this.root.getRootNode().elementFromPoint(event.clientX, event.clientY);
      const group = under && under.closest(".node"); // the pointer is captured: the event itself names the whole picture
      const node = group && this.nodes.get(group.dataset.id);
      if (node && node.count) { clearTimeout(this.click); this.send.open(node.id); }
    });
    on(this.svg, "keydown", (event) => this.key(event));
    on(this.search, "input", () => this.find(this.search.value));
    on(this.search, "keydown", (event) => {
      if (event.key === "Enter" && this.hits.length) { this.center(this.hits[0]); this.choose(this.hits[0].id); }
    });
    on(this.root.querySelector(".tools"), "click", (event) => {
      const act = event.target.dataset && event.target.dataset.act;
      const w = this.width / 2, h = this.height / 2;
      if (act === "zoom_in") this.zoom(1.3, w, h);
      if (act === "zoom_out") this.zoom(1 / 1.3, w, h);
      if (act === "fit") this.fit();
      if (act === "full") document.fullscreenElement ? document.exitFullscreen() : this.root.requestFullscreen();
      if (act === "svg") this.save(new Blob([this.picture()], { type: "image/svg+xml" }), "svg");
      if (act === "png") this.raster();
    });
  }

  key(event) {
    const step = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
    const done = () => { event.preventDefault(); event.stopPropagation(); };
    if (step) { this.walk(step); done(); }
    else if ((event.key === "Enter" || event.key === " ") && this.focus) { this.choose(this.focus); done(); }
    else if (event.key === "+") { this.zoom(1.3, this.width / 2, this.height / 2); done(); }
    else if (event.key === "-") { this.zoom(1 / 1.3, this.width / 2, this.height / 2); done(); }
    else if (event.key === "0") { this.fit(); done(); }
    else if (event.key === "/") { this.search.focus(); done(); }
    else if (event.key === "Escape") { this.choose(""); done(); }
  }

  // Moves the keyboard focus to the nearest node in a direction.
  walk([dx, dy]) {
    const from = this.nodes.get(this.focus) || this.nodes.get(this.chosen) || [...this.nodes.values()].sort((a, b) => a.rank - b.rank)[0];
    if (!from) return;
    let best = null, least = Infinity;
    if (!this.focus && !this.chosen) best = from;
    else for (const node of this.nodes.values()) {
      const ahead = dx ? (node.sx - from.sx) * dx : (node.sy - from.sy) * dy;
      const aside = dx ? Math.abs(node.sy - from.sy) : Math.abs(node.sx - from.sx);
      if (node === from || ahead < 2) continue;
      const cost = dx ? ahead + aside * 2 : ahead + aside * 4;
      if (cost < least) { least = cost; best = node; }
    }
    if (!best) return;
    this.focus = best.id;
    this.reveal(best);
    best.group.focus({ preventScroll: true });
    this.mark();
    this.hint(best.lines, null, best);
  }

  reveal(node) {
    if (node.sx < 20 || node.sy < HEAD || node.sx > this.width - 20 || node.sy > this.height - 10) this.center(node);
  }

  center(node) {
    const [x, y] = this.place(node.x, node.y, { k: this.view.k, x: 0, y: 0 });
    this.view.x = this.width / 2 - x;
    this.view.y = this.height / 2 - y;
    this.paint();
  }

  choose(id) {
    this.chosen = id;
    this.focus = id;
    this.mark();
    this.labels();
    clearTimeout(this.click); // a double click opens a fold: the single click waits for it only there
    const node = this.nodes.get(id);
    this.click = setTimeout(() => this.send.select(id), node && node.count ? 260 : 0);
  }

  find(text) {
    this.query = text.trim().toLowerCase();
    this.hits = this.query ? [...this.nodes.values()].filter((n) => n.find.includes(this.query)) : [];
    this.hits.sort((a, b) => a.rank - b.rank);
    this.root.querySelector(".found").textContent = this.query ? `${this.hits.length} ${this.texts.found}` : "";
    this.mark();
    this.labels();
  }

  hover(event) {
    const group = event.target.closest && event.target.closest(".node");
    const id = group ? group.dataset.id : "";
    if (id !== this.over) { this.over = id; this.mark(); }
    if (id) this.hint(this.nodes.get(id).lines, event);
    else if (!event.target.classList.contains("edge")) this.hint(null);
  }

  hint(lines, event, node) {
    if (!lines || this.drag) { this.tip.hidden = true; return; }
    this.tip.replaceChildren();
    for (const line of lines) {
      const row = document.createElement("div");
      row.textContent = line;
      this.tip.appendChild(row);
    }
    this.tip.hidden = false;
    const box = this.stage.getBoundingClientRect();
    const x = event ? event.clientX - box.left : node.sx, y = event ? event.clientY - box.top : node.sy;
    const w = this.tip.offsetWidth, h = this.tip.offsetHeight;
    this.tip.style.left = `${Math.max(4, x + 18 + w > box.width ? x - w - 14 : x + 18)}px`;
    this.tip.style.top = `${Math.max(4, Math.min(y + 14, box.height - h - 6))}px`;
  }

  zoom(by, x, y) {
    const k = Math.min(Math.max(this.view.k * by, 0.4), 40);
    const f = k / this.view.k;
    this.view = { k, x: x - (x - this.view.x) * f, y: y - (y - this.view.y) * f };
    this.hint(null);
    this.paint();
  }

  fit() {
    this.view = { k: 1, x: 0, y: 0 };
    this.paint();
  }

  place(x, y, view = this.view) {
    const w = this.width - LEFT - RIGHT, h = this.height - HEAD - FOOT - 2 * PAD_Y;
    return [(LEFT + x * w) * view.k + view.x, (HEAD + PAD_Y + y * h) * view.k + view.y];
  }

  paint() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.draw());
  }

  draw() {
    if (!this.data || !this.heads) return;
    this.width = this.svg.clientWidth;
    this.height = this.svg.clientHeight;
    if (!this.width) return;
    const half = (this.place(1 / this.heads.length, 0)[0] - this.place(0, 0)[0]) / 2;
    this.heads.forEach((head, i) => {
      const x = this.place(head.x, 0)[0];
      head.band.setAttribute("x", x - half);
      const last = i === this.heads.length - 1 ? RIGHT : 0;
      head.band.setAttribute("width", i % 2 ? 0 : Math.max(half * 2 + last, 0));
      head.band.setAttribute("y", 0);
      head.band.setAttribute("height", this.height);
      head.text.setAttribute("x", x);
      head.text.setAttribute("y", 19);
      head.sub.setAttribute("x", x);
      head.sub.setAttribute("y", 35);
      for (const text of [head.text, head.sub]) fit(text, half * 2 - 4);
    });
    for (const node of this.nodes.values()) {
      [node.sx, node.sy] = this.place(node.x, node.y);
      node.group.setAttribute("transform", `translate(${node.sx.toFixed(1)} ${node.sy.toFixed(1)})`);
      const slot = node.gap * (this.height - HEAD - FOOT - 2 * PAD_Y) * this.view.k; // shapes of a column must not touch
      node.r = Math.min(node.full, Math.max(slot * 0.47, node.full > 8.9 ? 6 : 3));
      node.glyph.setAttribute("transform", `scale(${(node.r / node.full).toFixed(3)})`);
      node.ring.setAttribute("r", (node.r + 4).toFixed(1));
      node.touch.setAttribute("r", Math.max(node.r, Math.min(10, slot * 0.5)).toFixed(1));
    }
    for (const edge of this.edges) this.route_line(edge);
    this.mark();
    this.labels();
  }

  // A curve that leaves to the right and arrives from the left; flows back or inside a column swing round.
  route_line(edge) {
    const a = this.nodes.get(edge.source), b = this.nodes.get(edge.target);
    const tip = Math.max(5, edge.width * 0.95);
    const forward = b.sx - a.sx > 24;
    let path, end;
    if (forward) {
      const x1 = a.sx + a.r * 0.6, x2 = b.sx - b.r - tip - 1, bend = Math.max((x2 - x1) * 0.5, 14);
      path = `M${x1.toFixed(1)} ${a.sy.toFixed(1)}C${(x1 + bend).toFixed(1)} ${a.sy.toFixed(1)} ${(x2 - bend).toFixed(1)} ${b.sy.toFixed(1)} ${x2.toFixed(1)} ${b.sy.toFixed(1)}`;
      end = [x2, b.sy, 1];
    } else if (a.sx - b.sx > 24) { // back to an earlier column: below the straight way, so that both directions show
      const x1 = a.sx - a.r * 0.6, x2 = b.sx + b.r + tip + 1, bend = Math.max((x1 - x2) * 0.45, 14), low = 14 + edge.width;
      const y = b.sy + b.r * 0.5;
      path = `M${x1.toFixed(1)} ${a.sy.toFixed(1)}C${(x1 - bend).toFixed(1)} ${(a.sy + low).toFixed(1)} ${(x2 + bend).toFixed(1)} ${(y + low).toFixed(1)} ${x2.toFixed(1)} ${y.toFixed(1)}`;
      end = [x2, y, -1];
    } else {
      const x1 = a.sx + a.r * 0.6, x2 = b.sx + b.r + tip + 1, far = Math.max(x1, x2) + 24 + Math.abs(a.sy - b.sy) * 0.08;
      path = `M${x1.toFixed(1)} ${a.sy.toFixed(1)}C${far.toFixed(1)} ${a.sy.toFixed(1)} ${far.toFixed(1)} ${b.sy.toFixed(1)} ${x2.toFixed(1)} ${b.sy.toFixed(1)}`;
      end = [x2, b.sy, -1];
    }
    edge.line.setAttribute("d", path);
    edge.line.setAttribute("stroke-width", edge.width.toFixed(2));
    const [x, y, way] = end, spread = tip * 0.72;
    edge.tip.setAttribute("d", `M${(x - way).toFixed(1)} ${(y - spread).toFixed(1)}L${(x + way * tip).toFixed(1)} ${y.toFixed(1)}L${(x - way).toFixed(1)} ${(y + spread).toFixed(1)}Z`);
  }

  // Classes for chosen, hovered, found and route; nothing is moved.
  mark() {
    if (!this.edges) return;
    const lit = this.over || this.chosen;
    const routed = this.route.size > 0;
    const onRoute = new Set();
    for (const edge of this.edges) {
      const route = this.route.has(`${edge.source}>${edge.target}`);
      const near = !route && lit && (edge.source === lit || edge.target === lit);
      if (route) { onRoute.add(edge.source); onRoute.add(edge.target); }
      for (const part of [edge.line, edge.tip]) {
        part.classList.toggle("route", route);
        part.classList.toggle("near", Boolean(near));
        part.classList.toggle("dim", (routed && !route && !near) || Boolean(this.query));
      }
    }
    const found = new Set((this.hits || []).map((n) => n.id));
    for (const node of this.nodes.values()) {
      const list = node.group.classList;
      list.toggle("chosen", node.id === this.chosen);
      list.toggle("focus", node.id === this.focus);
      list.toggle("hit", found.has(node.id));
      const out = (this.query && !found.has(node.id)) || (routed && !onRoute.has(node.id) && node.id !== lit);
      list.toggle("dim", Boolean(out));
    }
  }

  measure(text, size, bold) {
    this.pen.font = `${bold ? 700 : 400} ${size}px ${FONT}`;
    return this.pen.measureText(text).width;
  }

  // Labels from the heaviest node down; one that would touch a label or a node tries the other side, then waits for more zoom.
  labels() {
    if (!this.labelLayer) return;
    this.labelLayer.replaceChildren();
    const found = new Set((this.hits || []).map((n) => n.id));
    const first = (n) => (n.id === this.chosen ? -3 : found.has(n.id) ? -2 : n.rank);
    const boxes = [];
    for (const n of this.nodes.values()) boxes.push([n.sx - n.r - 1, n.sy - n.r - 1, n.sx + n.r + 1, n.sy + n.r + 1, n.id]);
    const free = (box, id) => boxes.every((b) => b[4] === id || box[2] < b[0] || box[0] > b[2] || box[3] < b[1] || box[1] > b[3]);
    let left = Math.round(this.data.labels * Math.max(1, this.view.k));
    for (const node of [...this.nodes.values()].sort((a, b) => first(a) - first(b))) {
      if (left <= 0) break;
      if (node.sx < -40 || node.sx > this.width + 40 || node.sy < HEAD - 10 || node.sy > this.height + 20) continue;
      const bold = node.id === this.chosen;
      const name = this.measure(node.label, 12, bold), gap = node.sub ? 6 : 0;
      const whole = name + gap + (node.sub ? this.measure(node.sub, 11) : 0);
      const must = bold || found.has(node.id);
      if (node.kind === "seed" && this.below(node, bold, boxes)) continue;
      const tries = [[whole, 1], [name, 1]];
      if (must || node.sx > this.width * 0.8) tries.push([whole, -1], [name, -1]);
      for (const [w, side] of tries) {
        const x = side > 0 ? node.sx + node.r + 5 : node.sx - node.r - 5 - w;
        const box = [x - 1, node.sy - 7, x + w + 2, node.sy + 7, ""];
        if (box[0] < 2 || box[2] + w * 0.12 > this.width || // another font, in an exported file, may be wider
           box[1] < HEAD || !free(box, node.id)) continue;
        const text = make("text", { class: bold ? "label chosen" : "label", x: x.toFixed(1), y: (node.sy + 4).toFixed(1) }, this.labelLayer);
        make("tspan", {}, text, node.label);
        if (node.sub && w === whole) make("tspan", { class: "sub", dx: gap }, text, node.sub);
        if (node.group.classList.contains("dim")) text.classList.add("dim");
        boxes.push(box);
        left -= 1;
        break;
      }
    }
  }

  // A seed pays to the right and nobody pays it: its label stands below it, in two lines.
  below(node, bold, boxes) {
    const wide = Math.max(this.measure(node.label, 12, bold), this.measure(node.sub, 11));
    const x = Math.max(node.sx, wide / 2 + 4), y = node.sy + node.r + 15;
    const box = [x - wide / 2, y - 11, x + wide / 2, y + 18, ""];
    if (boxes.some((b) => b[4] !== node.id && box[2] > b[0] && box[0] < b[2] && box[3] > b[1] && box[1] < b[3])) return false;
    const text = make("text", { class: bold ? "label chosen" : "label", "text-anchor": "middle" }, this.labelLayer);
    make("tspan", { x: x.toFixed(1), y: y.toFixed(1) }, text, node.label);
    make("tspan", { class: "sub", x: x.toFixed(1), y: (y + 14).toFixed(1) }, text, node.sub);
    if (node.group.classList.contains("dim")) text.classList.add("dim");
    boxes.push(box);
    return true;
  }

  // The visible picture as a document of its own: resolved colours, captions above, legend below.
  picture() {
    const w = this.width, top = 26 + this.data.caption.length * 17, foot = 34;
    const h = this.height + top + foot;
    const style = getComputedStyle(this.root);
    const out = make("svg", { xmlns: NS, width: w, height: h, viewBox: `0 0 ${w} ${h}`, "font-family": FONT });
    make("rect", { width: w, height: h, fill: getComputedStyle(this.stage).backgroundColor }, out);
    this.data.caption.forEach((line, i) => make("text", { x: 16, y: 24 + i * 17, "font-size": i ? 12 : 15, "font-weight": i ? 400 : 700, fill: style.color }, out, line));
    const clip = make("clipPath", { id: "view" }, make("defs", {}, out));
    make("rect", { width: w, height: this.height }, clip);
    const body = make("g", { transform: `translate(0 ${top})`, "clip-path": "url(#view)" }, out);
    const copy = (from, into) => {
      for (const child of from.children) {
        const twin = child.cloneNode(false);
        const look = getComputedStyle(child);
        for (const name of ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "opacity", "font-size", "font-weight", "text-anchor", "paint-order"])
          twin.setAttribute(name, look.getPropertyValue(name));
        for (const name of ["class", "tabindex", "role", "aria-label", "data-id"]) twin.removeAttribute(name);
        if (!child.children.length) twin.textContent = child.textContent;
        into.appendChild(twin);
        copy(child, twin);
      }
    };
    copy(this.svg, body);
    let x = 16;
    const legend = make("g", { transform: `translate(0 ${this.height + top + 20})` }, out);
    this.root.querySelectorAll(".legend > span").forEach((entry, i) => {
      const mark = make("g", { transform: `translate(${x + 8} -4) scale(.85)` }, legend);
      copy(entry.querySelector("svg"), mark);
      const text = this.data.legend[i].text;
      make("text", { x: x + 20, "font-size": 12, fill: style.color }, legend, text);
      x += 38 + this.measure(text, 12);
    });
    return new XMLSerializer().serializeToString(out);
  }

  raster() {
    const image = new Image();
    const w = this.width, h = this.height + 26 + this.data.caption.length * 17 + 34;
    image.onload = () => {
      const board = document.createElement("canvas");
      board.width = w * 2;
      board.height = h * 2;
      const pen = board.getContext("2d");
      pen.scale(2, 2);
      pen.drawImage(image, 0, 0, w, h);
      board.toBlob((blob) => this.save(blob, "png"), "image/png");
    };
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(this.picture())}`;
  }

  save(blob, ending) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${this.data.name}.${ending}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
}

const drawn = new WeakMap();

export default function (component) {
  const { data, parentElement, setStateValue, setTriggerValue } = component;
  const root = parentElement.querySelector(".root");
  const send = {
    select: (id) => setStateValue("selected", id),
    open: (id) => setTriggerValue("open", id),
  };
  let canvas = drawn.get(root);
  if (!canvas) {
    canvas = new Canvas(root, send);
    drawn.set(root, canvas);
  }
  canvas.send = send;
  canvas.update(data);
  return () => {
    canvas.destroy();
    drawn.delete(root);
  };
}
