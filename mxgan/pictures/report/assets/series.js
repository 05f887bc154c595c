// What is computed of curves before they are drawn: pure functions of arrays.
"use strict";

mxgan.add("series", (() => {
  const LEAST = 30; // points; a shorter curve is not smoothed

  // Exponential mean with bias correction, as TensorBoard draws it; gaps stay gaps. The weight is from 0 to 1.
  function smoothed(values, weight) {
    const known = values.reduce((count, value) => count + (value != null), 0);
    if (weight <= 0 || known < LEAST) return values;
    let mean = 0;
    let rest = 1;
    return values.map((value) => {
      if (value == null) return null;
      mean = weight * mean + (1 - weight) * value;
      rest *= weight;
      return mean / (1 - rest);
    });
  }

  // Values that a logarithmic scale can show.
  function positive(values) {
    return values.map((value) => (value > 0 ? value : null));
  }

  // [least, greatest] of the steps of several charts; a range of no width is widened.
  function extent(charts) {
    let [low, high] = [Infinity, -Infinity];
    for (const { x } of charts) {
      if (x.length === 0) continue;
      low = Math.min(low, x[0]);
      high = Math.max(high, x[x.length - 1]);
    }
    if (low > high) return [0, 1];
    return low === high ? [low - 1, high + 1] : [low, high];
  }

  // A chart whose series have steps of their own (`x`) as one with common steps; others stay as they are.
  function joined(chart) {
    if (!chart.series.some((each) => each.x)) return chart;
    const x = [...new Set(chart.series.flatMap((each) => each.x))].sort((a, b) => a - b);
    const place = new Map(x.map((step, index) => [step, index]));
    const series = chart.series.map((each) => {
      const values = new Array(x.length).fill(null);
      each.x.forEach((step, index) => { values[place.get(step)] = each.values[index]; });
      return { ...each, values };
    });
    return { ...chart, x, series };
  }

  // The place of the value nearest to a step in a sorted array.
  function nearest(x, step) {
    let best = 0;
    x.forEach((value, index) => { if (Math.abs(value - step) < Math.abs(x[best] - step)) best = index; });
    return best;
  }

  return { smoothed, positive, extent, joined, nearest };
})());
