"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const SEEDS = ["solid", "dot", "dash", "longdash", "dashdot"]; // told apart without colour as well

  const inLines = (name) => name.replace(/^(.*?, .*?), (?=.*, .*, )/, "$1<br>"); // of a whole session, or short

  const trace = (given, index) => {
    const { role, ...rest } = given.name ? { ...given, name: inLines(given.name) } : given;
    const own = colour(role);
    const line = { color: own, ...(role === "now" && rest.mode ? { dash: SEEDS[index % SEEDS.length] } : {}) };
    if (role === "band") return { ...rest, line: { width: 0 }, fillcolor: own, hoverinfo: "skip" };
    if (role === "target") return { ...rest, line: { color: own, dash: "dot" } };
    if (rest.type === "bar") {
      const lines = rest.y.map((name) => name.replace(/^(.*?, .*?), (.*), (global batch .*)$/, "$1<br>$2<br>$3"));
      return { ...rest, y: lines, marker: { color: own } };
    }
    return { ...rest, line, marker: { color: own, symbol: index % 8, size: 8, ...given.marker } };
  };

  const axis = (given) => ({ automargin: true, gridcolor: colour("line"), linecolor: colour("line"), zerolinecolor: colour("faint"), ...given });

  const draw = (plot) => {
    const { data, layout } = figures[Number(plot.dataset.figure)];
    const names = data.filter((one) => one.name && one.showlegend !== false).map((one) => inLines(one.name));
    const lines = names.join("<br>").split("<br>").length;
    const bars = data.reduce((count, one) => count + (one.type === "bar" ? one.y.length : 0), 0);
    const legend = data.length > 1 && names.length > 1;
    const below = legend ? 1.4 * (bars ? 1 : lines) + 1 : 0;
    const rows = layout.yaxis && layout.yaxis.tickvals ? layout.yaxis.tickvals.length : 0;
    const above = bars ? Math.max(12, 3.4 * bars) : rows ? Math.max(6, 1.7 * rows + 2) : 16;
    plot.style.height = `${above + below + 4}rem`;
    const shapes = (layout.shapes || []).map((shape) => ({ ...shape, fillcolor: colour("band") }));
    Plotly.react(plot, data.map(trace), {
      ...layout,
      shapes,
      xaxis: axis(layout.xaxis),
      yaxis: axis(layout.yaxis),
      barmode: "overlay",
      margin: { t: 10, r: 10, b: 45, l: 60 },
      font: { color: colour("ink") },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      showlegend: legend,
      legend: { orientation: "h", yanchor: "top", y: -3.5 / above },
    }, { responsive: true, displaylogo: false, displayModeBar: false });
    plot.dataset.drawn = "";
  };

  const drawAll = (root) => root.querySelectorAll(".plot:not([data-drawn])").forEach(draw);
  const benchmarks = [...document.querySelectorAll(".benchmark")];
  benchmarks.forEach((benchmark) => {
    benchmark.addEventListener("toggle", () => {
      if (benchmark.open) drawAll(benchmark);
    });
  });
  const openNamed = () => {
    const named = benchmarks.find((benchmark) => `#${benchmark.id}` === location.hash);
    if (named) named.open = true;
  };
  addEventListener("hashchange", openNamed);

  let closed = []; // what was closed before the page was printed
  addEventListener("beforeprint", () => {
    closed = benchmarks.filter((benchmark) => !benchmark.open && benchmark.querySelector(".bad, .doubtful"));
    closed.forEach((benchmark) => { benchmark.open = true; });
    benchmarks.filter((benchmark) => benchmark.open).forEach(drawAll);
  });
  addEventListener("afterprint", () => closed.forEach((benchmark) => { benchmark.open = false; }));
  document.querySelectorAll("main > .figures").forEach(drawAll);
  dark.addEventListener("change", () => document.querySelectorAll(".plot[data-drawn]").forEach(draw));

  const wanted = document.getElementById("wanted");
  if (wanted) {
    wanted.addEventListener("input", () => {
      const words = wanted.value.toLowerCase();
      benchmarks.forEach((benchmark) => {
        benchmark.hidden = !benchmark.dataset.text.toLowerCase().includes(words);
      });
    });
  }
  const worst = benchmarks[0];
  if (worst && worst.querySelector(".bad, .doubtful")) worst.open = true;
  openNamed();
})();
