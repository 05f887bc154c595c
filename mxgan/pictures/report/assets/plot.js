// One chart: uPlot's options from a chart of the view.
"use strict";

mxgan.add("plot", (() => {
  const HEIGHT = 220;
  const LINES = 8; // colours --line-1 … in the style sheet
  const DASHES = [[], [8, 4], [2, 3], [10, 4, 2, 4], [5, 3], [14, 4], [2, 6], [6, 2, 2, 2]];

  function looks(series, index) {
    const place = series.look ?? index;
    return { color: mxgan.color(`--line-${(place % LINES) + 1}`), dash: series.dashed ? DASHES[place % DASHES.length] : [] };
  }

  // [steps, shown values of each series, raw values of each series]
  function data(chart, log, weight) {
    const fit = log ? mxgan.series.positive : (values) => values;
    const raw = chart.series.map((each) => fit(each.values));
    return [chart.x, ...raw.map((values) => mxgan.series.smoothed(values, weight)), ...raw];
  }

  function faint(color) {
    const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue] = canvas.getImageData(0, 0, 1, 1).data;
    return `rgba(${red}, ${green}, ${blue}, 0.28)`;
  }

  function lines(chart, weight) {
    const sparse = (values) => values.filter((value) => value == null).length > values.length / 2;
    const common = (each) => ({ spanGaps: Boolean(each.x) || sparse(each.values) });
    return [
      {},
      ...chart.series.map((each, index) => {
        const { color, dash } = looks(each, index);
        return { ...common(each), label: each.label, stroke: color, width: 1.75, dash, points: { fill: color, size: 5 } };
      }),
      ...chart.series.map((each, index) => {
        const show = weight > 0;
        return { ...common(each), label: `${each.label}, raw`, stroke: faint(looks(each, index).color), width: 1, show, points: { show: false } };
      }),
    ];
  }

  function drawMarks(plot, marks) {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    ctx.save();
    for (const mark of marks) {
      const x = Math.round(plot.valToPos(mark.step, "x", true));
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.strokeStyle = ctx.fillStyle = mxgan.color(`--mark-${mark.kind}`) || mxgan.color("--soft");
      ctx.lineWidth = ratio;
      ctx.setLineDash([4 * ratio, 3 * ratio]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.beginPath();
      ctx.moveTo(x - 4 * ratio, bbox.top);
      ctx.lineTo(x + 4 * ratio, bbox.top);
      ctx.lineTo(x, bbox.top + 6 * ratio);
      ctx.fill();
    }
    ctx.restore();
  }

  function axes() {
    const stroke = mxgan.color("--soft");
    const line = { stroke: mxgan.color("--rule"), width: 1 };
    const font = '12px system-ui, -apple-system, "Segoe UI", sans-serif';
    const values = (plot, splits) => splits.map((value) => (value == null ? "" : mxgan.number(value)));
    const common = { stroke, grid: line, ticks: { show: false }, font, values };
    return [{ ...common, size: 26, space: 70, grid: { show: false } }, { ...common, size: 58 }];
  }

  // A plot in `target`. `tools`: log, weight (of the smoothing), range (() → [least, greatest] step), marks
  // (() → marks), zoomed(range or null), moved(plot).
  function make(target, chart, tools) {
    const options = {
      width: Math.max(target.clientWidth, 120),
      height: HEIGHT,
      padding: [6, 26, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        sync: { key: "steps", scales: ["x", null], filters: { pub: (type) => type === "mousemove" || type === "mouseleave", sub: () => true } },
        drag: { x: true, y: false, setScale: false },
        bind: { dblclick: () => () => { tools.zoomed(null); return null; } },
      },
      scales: { x: { time: false, range: tools.range }, y: { distr: tools.log ? 3 : 1 } },
      axes: axes(),
      series: lines(chart, tools.weight),
      hooks: {
        draw: [(plot) => drawMarks(plot, tools.marks())],
        setCursor: [tools.moved],
        setSelect: [(plot) => {
          const { left, width } = plot.select;
          if (width < 4) return;
          const range = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          tools.zoomed(range);
        }],
      },
    };
    return new uPlot(options, data(chart, tools.log, tools.weight), target);
  }

  return { make, data, looks };
})());
