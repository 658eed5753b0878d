// The charts of a dry-run and the reasons of each tick. Plain JavaScript, no network; every text
// that comes from a policy is set as text, never as markup. src/report/pack.rs packs the data.
(() => {
  "use strict";

  // ---------------------------------------------------------------- unpacking
  const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

  // LEB128 numbers, exact to 2^53.
  const reader = (data, at = 0) => ({
    get at() { return at; },
    get done() { return at >= data.length; },
    next() {
      let n = 0, scale = 1, byte;
      do {
        byte = data[at++];
        n += (byte & 0x7f) * scale;
        scale *= 128;
      } while (byte >= 0x80);
      return n;
    },
    signed() {
      const n = this.next();
      return n % 2 ? -(n + 1) / 2 : n / 2;
    },
  });

  const counts = (base64, length) => {
    const out = new Array(length);
    const read = reader(bytes(base64));
    for (let i = 0, value = 0; i < length;) {
      value += read.signed();
      for (let run = read.next(); run > 0 && i < length; run--) out[i++] = value;
    }
    return out;
  };

  const times = (packed, length) => {
    const out = new Array(length);
    const read = reader(bytes(packed.steps));
    let now = packed.first;
    out[0] = now / 1000;
    for (let i = 1; i < length;) {
      const step = read.signed();
      for (let run = read.next(); run > 0 && i < length; run--) out[i++] = (now += step) / 1000;
    }
    return out;
  };

  const floats = (base64, length) => {
    const view = new DataView(bytes(base64).buffer);
    const out = new Array(length);
    for (let i = 0; i < length; i++) {
      const value = view.getFloat32(i * 4, true);
      out[i] = Number.isFinite(value) ? value : null;
    }
    return out;
  };

  // Places where each stretch of alike ticks begins; the words are made when somebody asks.
  const reasons = (packed, length) => {
    const data = bytes(packed.ticks);
    const starts = [], offsets = [];
    const digits = packed.forms.map((f) => f.split("\0").length - 1);
    const read = reader(data);
    const skip = () => {
      if (read.next() % 2) read.next();
    };
    for (let tick = 0; tick < length && !read.done;) {
      starts.push(tick);
      offsets.push(read.at);
      const list = packed.lists[read.next()];
      for (let i = 0; i < list.length; i += 2) {
        read.next();
        read.next();
        for (let n = digits[list[i + 1]]; n > 0; n--) skip();
      }
      tick += 1 + read.next();
    }
    const number = (from) => {
      const head = from.next();
      const zeros = head % 2 ? from.next() : 0;
      const value = Math.floor(head / 2);
      return "0".repeat(zeros) + (value ? value : "");
    };
    return (tick, current) => {
      let low = 0, high = starts.length - 1;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (starts[middle] <= tick) low = middle; else high = middle - 1;
      }
      const from = reader(data, offsets[low]);
      const list = packed.lists[from.next()];
      const steps = [];
      let before = current;
      for (let i = 0; i < list.length; i += 2) {
        const input = before + from.signed();
        const output = input + from.signed();
        const text = packed.forms[list[i + 1]].split("\0").reduce((a, b) => a + number(from) + b);
        steps.push({ name: packed.names[list[i]], input, output, text });
        before = output;
      }
      return { steps, since: packed.exact ? tick : starts[low] };
    };
  };

  // ---------------------------------------------------------------- words
  const el = (name, attributes, ...children) => {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (value !== null && value !== undefined) node.setAttribute(key, value);
    }
    node.append(...children.filter((c) => c !== null));
    return node;
  };

  const UNITS = {
    percent: "%", seconds: " s", milliseconds: " ms", per_second: "/s", tokens_per_second: " tokens/s",
  };
  const plain = (n) => {
    if (n === null) return "no value";
    const size = Math.abs(n);
    if (size !== 0 && (size < 1e-4 || size >= 1e15)) return n.toExponential(2);
    const digits = size >= 1000 || size === 0 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : size >= 0.1 ? 3 : 5;
    return n.toLocaleString("en", { maximumFractionDigits: digits });
  };
  const shown = (n, unit) => {
    if (n === null) return "no value";
    if (unit === "bytes") {
      let left = n, i = 0;
      while (Math.abs(left) >= 1024 && i < 4) { left /= 1024; i++; }
      return plain(left) + " " + ["B", "KiB", "MiB", "GiB", "TiB"][i];
    }
    return plain(n) + (UNITS[unit] || "");
  };
  const iso = (seconds) => new Date(seconds * 1000).toISOString();
  const moment = (seconds) => {
    const text = iso(seconds);
    const fraction = text.slice(19, 23);
    return text.slice(0, 10) + " " + text.slice(11, 19) + (fraction === ".000" ? "" : fraction);
  };
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const axisTimes = (u, splits, axis, space, step) => splits.map((s) => {
    const text = iso(s);
    const midnight = text.slice(11, 19) === "00:00:00";
    if (step >= 86400 || midnight) return MONTHS[+text.slice(5, 7) - 1] + " " + +text.slice(8, 10);
    return step < 60 ? text.slice(11, 19) : text.slice(11, 16);
  });

  // ---------------------------------------------------------------- theme
  const root = document.documentElement;
  const preferred = matchMedia("(prefers-color-scheme: dark)");
  const memory = {
    // A browser may refuse storage to a file.
    get() { try { return localStorage.getItem("luascale-theme"); } catch { return null; } },
    set(value) { try { localStorage.setItem("luascale-theme", value); } catch { /* not kept */ } },
  };
  const colour = (name) => getComputedStyle(root).getPropertyValue("--" + name).trim();
  const charts = [];
  const theme = (name) => {
    root.dataset.theme = name;
    const button = document.getElementById("theme");
    button.querySelector(".what").textContent = name === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-label", "Change to the " + (name === "dark" ? "light" : "dark") + " theme");
    charts.forEach((c) => c.redraw(false));
  };
  const wanted = () => memory.get() || (preferred.matches ? "dark" : "light");

  // ---------------------------------------------------------------- one policy
  const GUTTER = 64;

  class Report {
    constructor(section) {
      const data = JSON.parse(section.querySelector("script.data").textContent);
      const length = data.ticks;
      this.section = section;
      this.length = length;
      this.times = times(data.times, length);
      for (const key of ["current", "ready", "proposed", "desired", "min", "max", "under"]) {
        this[key] = counts(data[key], length);
      }
      this.metrics = data.metrics.map((m) => ({ name: m.name, unit: m.unit, values: floats(m.values, length) }));
      this.load = data.load;
      this.why = reasons(data.why, length);
      this.under = this.stretches((i) => this.under[i] === 1);
      this.shaded = this.under.length > 0;
      this.plots = [];
      this.pinned = 0;
      this.hovered = null;
      this.box = section.querySelector(".charts");
      this.panel = section.querySelector(".tick");
      this.build();
      this.pin(this.firstChange(), false);
      this.resize();
    }

    stretches(holds) {
      const out = [];
      for (let i = 0; i < this.length; i++) {
        if (!holds(i)) continue;
        const start = i;
        while (i + 1 < this.length && holds(i + 1)) i++;
        out.push([start, i]);
      }
      return out;
    }

    firstChange() {
      const at = this.desired.findIndex((d, i) => d !== this.current[i]);
      return at < 0 ? 0 : at;
    }

    build() {
      const bar = el("div", { class: "bar" });
      const reset = el("button", { type: "button", class: "reset", disabled: "" }, "Reset zoom");
      reset.addEventListener("click", () => this.zoom(null));
      this.reset = reset;
      const order = this.metrics.map((_, i) => i);
      order.sort((a, b) => (b === this.load) - (a === this.load));
      bar.append(el("span", { class: "hint" }, "Drag to zoom, hover for the reasons, click to pin"), reset);
      if (order.length > 1) {
        const chips = el("div", { class: "chips", role: "group", "aria-label": "Metrics shown" });
        order.forEach((metric, position) => {
          const on = position < 3;
          const chip = el("button", { type: "button", "aria-pressed": String(on) }, this.metrics[metric].name);
          chip.addEventListener("click", () => {
            const show = chip.getAttribute("aria-pressed") !== "true";
            chip.setAttribute("aria-pressed", String(show));
            this.plots.find((p) => p.metric === metric).figure.hidden = !show;
            this.resize();
          });
          chips.append(chip);
        });
        bar.append(chips);
      }
      // One slider stands for the ticks of all charts: screen readers speak its text.
      const slider = el("div", {
        class: "stack", tabindex: "0", role: "slider", "aria-label": "Tick", "aria-valuemin": "1",
        "aria-valuemax": String(this.length),
        "aria-description": "Arrow keys go from tick to tick, with Shift by ten; Page keys by a hundred; "
          + "E and Shift+E from change to change; plus and minus zoom; Escape resets",
      });
      slider.addEventListener("keydown", (event) => this.key(event));
      this.slider = slider;
      this.box.replaceChildren(bar, slider);
      order.forEach((metric, position) => this.metricChart(metric, position >= 3));
      this.replicaChart();
    }

    // A chart with its heading, in which the values at the cursor stand.
    figure(title, legend, hidden) {
      const value = el("output", {});
      const head = el("figcaption", {}, el("b", {}, title), legend || "", value);
      const holder = el("div", { class: "plot" });
      const figure = el("figure", {}, head, holder);
      figure.hidden = hidden;
      this.slider.append(figure);
      return { figure, holder, value };
    }

    options(extra) {
      const line = () => colour("grid");
      const ink = () => colour("dim");
      const report = this;
      return {
        width: 600,
        height: extra.height,
        legend: { show: false },
        padding: [8, 14, 0, 0],
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
        cursor: {
          sync: { key: this.section.id },
          drag: { x: true, y: false, dist: 6 },
          points: { size: (u, s) => u.series[s].width < 1.5 ? 0 : 6, width: 0, fill: (u, s) => u.series[s].stroke(u, s) },
        },
        scales: { x: { time: true }, y: { range: extra.range } },
        axes: [
          { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, values: axisTimes, font: "11px system-ui, sans-serif", size: extra.last ? 28 : 8, ...(extra.last ? {} : { values: (u, s) => s.map(() => "") }) },
          { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { show: false }, size: GUTTER, font: "11px system-ui, sans-serif", values: extra.values, incrs: extra.incrs, space: 28 },
        ],
        series: extra.series,
        bands: extra.bands,
        hooks: {
          drawClear: [(u) => report.shade(u)],
          draw: [(u) => report.mark(u)],
          setCursor: [(u) => report.hover(u)],
          setScale: [(u, key) => { if (key === "x") report.zoomed(u); }],
        },
      };
    }

    metricChart(metric, hidden) {
      const { name, unit, values } = this.metrics[metric];
      const parts = this.figure(name, el("small", {}, unit ? unit.replaceAll("_", " ") : ""), hidden);
      const series = [{}, {
        // A value holds until the next tick.
        paths: uPlot.paths.stepped({ align: 1 }),
        stroke: () => colour("load"), width: 1.5, spanGaps: false, points: { show: false },
        fill: () => colour("load-fill"),
      }];
      const options = this.options({
        height: metric === this.load ? 150 : 96, series,
        range: (u, low, high) => low === null ? [0, 1] : [Math.min(0, low), high === low && high <= 0 ? 1 : high * (high > 0 ? 1.06 : 1)],
        values: (u, splits) => splits.map((s) => shown(s, unit)),
      });
      this.add(parts, options, [this.times, values], metric, (i) => shown(values[i], unit));
    }

    replicaChart() {
      const key = (name, text) => el("span", { class: "key " + name }, text);
      const legend = el("span", { class: "keys" }, key("desired", "desired"), key("ready", "ready"), key("proposed", "proposed"), key("bounds", "bounds"));
      const parts = this.figure("replicas", legend, false);
      const step = uPlot.paths.stepped({ align: 1 });
      const bound = { stroke: () => colour("bound"), width: 1, dash: [3, 4], paths: step, points: { show: false } };
      const series = [
        {}, bound, bound,
        { stroke: () => colour("proposed"), width: 1, dash: [2, 2], paths: step, points: { show: false } },
        { stroke: () => colour("ready"), width: 1.5, paths: step, points: { show: false } },
        { stroke: () => colour("desired"), width: 2, paths: step, points: { show: false } },
      ];
      const most = (list) => list.reduce((a, b) => Math.max(a, b), 0);
      const peak = Math.max(most(this.desired), most(this.current), most(this.min));
      const ceiling = most(this.max);
      // A ceiling far above the peak would press the lines flat.
      const top = ceiling <= peak * 1.6 ? ceiling : peak * 1.25;
      const options = this.options({
        height: 240, series, last: true,
        bands: [{ series: [2, 1], fill: () => colour("band") }],
        range: () => [0, Math.max(top, 1) * 1.04],
        incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 50000, 100000, 1000000, 1e7, 1e8, 1e9],
        values: (u, splits) => splits.map((s) => plain(s)),
      });
      const clip = this.proposed.map((p) => Math.min(p, top * 1.04));
      this.add(parts, options, [this.times, this.min, this.max, clip, this.ready, this.desired], null,
        (i) => this.desired[i] + " desired, " + this.ready[i] + " ready, " + this.min[i] + "–" + this.max[i]);
    }

    add(parts, options, data, metric, tell) {
      const plot = new uPlot(options, data, parts.holder);
      plot.over.addEventListener("click", () => {
        if (this.hovered !== null && !this.dragged) this.pin(this.hovered, false);
      });
      plot.over.addEventListener("mousedown", (e) => { this.down = e.clientX; });
      plot.over.addEventListener("mouseup", (e) => { this.dragged = Math.abs(e.clientX - this.down) > 5; });
      plot.over.addEventListener("mouseleave", () => { this.hovered = null; this.tell(this.pinned); });
      plot.over.addEventListener("dblclick", () => this.zoom(null));
      this.plots.push({ plot, metric, tell, ...parts });
      charts.push(plot);
    }

    // Under-provisioned stretches behind the lines, and the pinned tick.
    shade(u) {
      if (!this.shaded) return;
      const { left, top, width, height } = u.bbox;
      u.ctx.save();
      u.ctx.fillStyle = colour("under");
      for (const [a, b] of this.under) {
        const from = Math.max(u.valToPos(this.times[a], "x", true), left);
        const to = Math.min(u.valToPos(this.times[Math.min(b + 1, this.length - 1)], "x", true), left + width);
        if (to >= left && from <= left + width) u.ctx.fillRect(from, top, Math.max(to - from, 2 * devicePixelRatio), height);
      }
      u.ctx.restore();
    }

    mark(u) {
      const { left, top, width, height } = u.bbox;
      const x = u.valToPos(this.times[this.pinned], "x", true);
      if (!(x >= left && x <= left + width)) return;
      u.ctx.save();
      u.ctx.strokeStyle = colour("pin");
      u.ctx.lineWidth = devicePixelRatio;
      u.ctx.beginPath();
      u.ctx.moveTo(x, top);
      u.ctx.lineTo(x, top + height);
      u.ctx.stroke();
      u.ctx.restore();
    }

    hover(u) {
      const at = u.cursor.idx;
      if (u.cursor.left < 0 || at === null || at === undefined || at === this.hovered) return;
      this.hovered = at;
      if (this.waiting) return;
      this.waiting = true;
      requestAnimationFrame(() => {
        this.waiting = false;
        this.tell(this.hovered === null ? this.pinned : this.hovered);
      });
    }

    zoomed(u) {
      const { min, max } = u.scales.x;
      const first = this.times[0], last = this.times[this.length - 1];
      this.reset.disabled = !(min > first || max < last);
      this.range = [min, max];
    }

    // The same stretch of time in every chart; null is all of it.
    zoom(range) {
      const [min, max] = range || [this.times[0], this.times[this.length - 1]];
      this.plots.forEach((p) => p.plot.setScale("x", { min, max }));
    }

    pin(tick, show) {
      this.pinned = Math.max(0, Math.min(this.length - 1, tick));
      this.hovered = null;
      const at = this.times[this.pinned];
      const [min, max] = this.range || [this.times[0], this.times[this.length - 1]];
      if (show && !(at >= min && at <= max)) {
        const half = (max - min) / 2;
        this.zoom([at - half, at + half]);
      }
      this.plots.forEach((p) => p.plot.redraw(false));
      this.tell(this.pinned);
      const change = this.desired[this.pinned] === this.current[this.pinned]
        ? "stays at " + this.current[this.pinned]
        : "from " + this.current[this.pinned] + " to " + this.desired[this.pinned] + " replicas";
      this.slider.setAttribute("aria-valuenow", String(this.pinned + 1));
      this.slider.setAttribute("aria-valuetext", moment(at) + ", " + change);
    }

    // An event's tick, near enough to see what led to it.
    jump(tick) {
      const at = this.times[tick];
      const whole = this.times[this.length - 1] - this.times[0];
      const step = this.length > 1 ? whole / (this.length - 1) : 1;
      const half = Math.min(whole / 2, step * 120);
      if (!this.range || this.range[1] - this.range[0] > half * 2 * 1.01 || at < this.range[0] || at > this.range[1]) {
        this.zoom([Math.max(this.times[0], at - half), Math.min(this.times[this.length - 1], at + half)]);
      }
      this.pin(tick, true);
    }

    key(event) {
      const change = (by) => {
        let at = this.pinned + by;
        while (at >= 0 && at < this.length && this.desired[at] === this.current[at]) at += by;
        return at >= 0 && at < this.length ? at : this.pinned;
      };
      const step = event.shiftKey ? 10 : 1;
      const moves = {
        ArrowLeft: () => this.pinned - step, ArrowRight: () => this.pinned + step,
        ArrowDown: () => this.pinned - step, ArrowUp: () => this.pinned + step,
        PageUp: () => this.pinned - 100, PageDown: () => this.pinned + 100,
        Home: () => 0, End: () => this.length - 1, e: () => change(1), E: () => change(-1),
      };
      const scale = { "+": 0.5, "=": 0.5, "-": 2 }[event.key];
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (moves[event.key]) {
        this.pin(moves[event.key](), true);
      } else if (scale) {
        const [min, max] = this.range;
        const at = this.times[this.pinned];
        const first = this.times[0], last = this.times[this.length - 1];
        this.zoom([Math.max(first, at - (at - min) * scale), Math.min(last, at + (max - at) * scale)]);
      } else if (event.key === "Escape") {
        this.zoom(null);
      } else {
        return;
      }
      event.preventDefault();
    }

    // The panel beside the charts: everything about one tick.
    tell(tick) {
      for (const p of this.plots) p.value.textContent = p.tell(tick);
      const current = this.current[tick], desired = this.desired[tick];
      const [kind, word] = desired > current ? ["out", "scales out"] : desired < current ? ["in", "scales in"] : ["same", "stays"];
      const row = (name, value, tone) => el("div", { class: tone || null }, el("dt", {}, name), el("dd", {}, value));
      const { steps, since } = this.why(tick, current);
      const isUnder = this.shaded && this.under.some(([a, b]) => tick >= a && tick <= b);
      const list = steps.map((s) => el("li", { class: s.output > s.input ? "out" : s.output < s.input ? "in" : null },
        el("b", {}, s.input === s.output ? String(s.output) : s.input + " → " + s.output),
        el("span", { title: s.name }, s.text)));
      this.panel.replaceChildren(
        el("header", {},
          el("time", { datetime: iso(this.times[tick]) }, moment(this.times[tick])),
          el("small", {}, "tick " + (tick + 1).toLocaleString("en") + " of " + this.length.toLocaleString("en")
            + (this.hovered === null ? ", pinned" : ""))),
        el("p", { class: "change " + kind },
          el("strong", {}, current === desired ? String(current) : current + " → " + desired), " ", word,
          isUnder ? el("em", {}, "under-provisioned") : null),
        el("dl", { class: "facts" },
          row("ready", String(this.ready[tick])),
          row("proposed", String(this.proposed[tick])),
          row("bounds", this.min[tick] + "–" + this.max[tick])),
        el("h4", {}, "Metrics"),
        el("dl", { class: "values" }, ...(this.metrics.length
          ? this.metrics.map((m) => row(m.name, shown(m.values[tick], m.unit), m.values[tick] === null ? "bad" : null))
          : [row("none", "")])),
        el("h4", {}, "Why"),
        el("ol", { class: "steps" }, ...list),
        since !== tick ? el("p", { class: "shared" }, "The figures in these sentences are those of " + moment(this.times[since]) + ".") : "",
      );
    }

    resize() {
      const width = this.slider.clientWidth;
      if (width < 50) return;
      for (const { plot, figure } of this.plots) {
        if (!figure.hidden && plot.width !== width) plot.setSize({ width, height: plot.height });
      }
    }
  }

  // ---------------------------------------------------------------- the page
  const sections = [...document.querySelectorAll("section.policy")];
  const reports = new Map();
  const open = (section) => {
    if (!reports.has(section) && section.querySelector("script.data")) reports.set(section, new Report(section));
    return reports.get(section);
  };
  const select = () => {
    const chosen = sections.find((s) => "#" + s.id === location.hash) || sections[0];
    for (const section of sections) section.hidden = section !== chosen;
    for (const link of document.querySelectorAll("nav.policies a")) {
      const here = chosen && link.dataset.policy === chosen.dataset.policy;
      if (here) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
    }
    if (chosen) {
      const report = open(chosen);
      if (report) report.resize();
    }
  };

  const button = document.getElementById("theme");
  button.hidden = false;
  button.addEventListener("click", () => {
    const next = root.dataset.theme === "dark" ? "light" : "dark";
    memory.set(next);
    theme(next);
  });
  preferred.addEventListener("change", () => theme(wanted()));
  theme(wanted());

  document.addEventListener("click", (event) => {
    const link = event.target.closest("button[data-tick]");
    if (!link) return;
    const section = link.closest("section.policy");
    const report = open(section);
    if (!report) return;
    report.jump(Number(link.dataset.tick));
    for (const other of section.querySelectorAll("button[data-tick][aria-current]")) other.removeAttribute("aria-current");
    link.setAttribute("aria-current", "true");
    const top = report.box.getBoundingClientRect().top;
    if (top < 0 || top > innerHeight * 0.6) report.box.scrollIntoView({ block: "start" });
  });
  addEventListener("hashchange", select);
  let late;
  addEventListener("resize", () => {
    clearTimeout(late);
    late = setTimeout(() => reports.forEach((r) => r.resize()), 80);
  });

  // On paper: every policy, in the light theme, at the width of a page.
  let screenTheme;
  addEventListener("beforeprint", () => {
    screenTheme = root.dataset.theme;
    theme("light");
    for (const section of sections) {
      section.hidden = false;
      const report = open(section);
      if (report) report.plots.forEach(({ plot }) => plot.setSize({ width: 680, height: plot.height }));
    }
  });
  addEventListener("afterprint", () => {
    theme(screenTheme);
    select();
    reports.forEach((r) => r.resize());
  });

  select();
  root.dataset.ready = "true";
})();
