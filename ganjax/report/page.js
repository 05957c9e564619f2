"use strict";

const grouped = (step) => String(step).replace(/\B(?=(\d{3})+$)/g, "\u202f");

function makeTheme(button) {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  let isDark = system.matches;
  const show = () => (button.textContent = isDark ? "Light" : "Dark");
  button.hidden = false;
  show();
  button.addEventListener("click", () => {
    isDark = !isDark;
    root.style.colorScheme = isDark ? "dark" : "light";
    show();
  });
  system.addEventListener("change", () => {
    if (root.style.colorScheme) return;
    isDark = system.matches;
    show();
  });
}

function makeFilm(film) {
  const large = film.querySelector(".large");
  const strip = film.querySelector(".strip");
  if (!strip) return;
  const list = strip.querySelector("ol");
  // The newest picture is in the page once, large; the strip shows it again.
  const copy = list.lastElementChild.cloneNode(true);
  copy.querySelector("img").src = large.src;
  copy.querySelector("img").alt = large.alt;
  copy.querySelector("span").textContent = strip.dataset.newest;
  list.append(copy);
  const buttons = [...list.querySelectorAll("button")];
  const slider = strip.querySelector("input");
  const step = film.querySelector("output");

  const show = (index) => {
    const image = buttons[index].querySelector("img");
    large.src = image.src;
    large.alt = image.alt;
    step.textContent = buttons[index].textContent;
    slider.value = index;
    slider.setAttribute("aria-valuetext", `step ${step.textContent}`);
    for (const button of buttons) button.removeAttribute("aria-current");
    buttons[index].setAttribute("aria-current", "true");
    // Not scrollIntoView: it would scroll the page as well.
    const item = buttons[index].parentElement;
    list.scrollLeft = item.offsetLeft - (list.clientWidth - item.clientWidth) / 2;
  };

  slider.hidden = false;
  slider.addEventListener("input", () => show(Number(slider.value)));
  buttons.forEach((button, index) => button.addEventListener("click", () => show(index)));
  show(buttons.length - 1);
}

/** The index of the step nearest to `step`; steps rise. */
function nearest(steps, step) {
  let low = 0;
  let high = steps.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (steps[middle] < step) low = middle;
    else high = middle;
  }
  return step - steps[low] < steps[high] - step ? low : high;
}

function heightOf(value, axis, frame) {
  const scale = axis.log ? Math.log : (x) => x;
  const share = (scale(value) - scale(axis.low)) / (scale(axis.high) - scale(axis.low));
  return frame.bottom - (frame.bottom - frame.top) * Math.min(1, Math.max(0, share));
}

function makeChart(figure) {
  const svg = figure.querySelector("svg[data-chart]");
  const { frame, last, y: axis, lines } = JSON.parse(svg.dataset.chart);
  const where = figure.querySelector(".where");
  const own = figure.querySelectorAll(".legend li");
  // Without a legend of its own a chart reads out in the one that all share.
  const items = own.length
    ? [...own]
    : lines.map(({ kind }) => document.querySelector(`.groups li:has(.${kind})`));
  const outputs = items.map((item) => item.querySelector("output"));
  const newest = outputs.map((output) => output.textContent);
  const add = (tag, name) => {
    const node = document.createElementNS(svg.namespaceURI, tag);
    node.setAttribute("class", name);
    node.style.display = "none";
    return svg.appendChild(node);
  };
  const cursor = add("path", "cursor");
  const spots = lines.map(({ kind }) => add("circle", `spot ${kind}`));

  const place = (line, index, spot) => {
    const value = (line.trend ?? line.values)[index];
    spot.style.display = value === null ? "none" : "";
    if (value === null) return;
    const x = frame.left + ((frame.right - frame.left) * line.steps[index]) / last;
    spot.setAttribute("cx", x);
    spot.setAttribute("cy", heightOf(value, axis, frame));
    spot.setAttribute("r", 3.2);
  };
  const reading = (line, index) => {
    if (line.values[index] === null) return "non-finite";
    const trend = line.trend ? ` (${line.trend[index]})` : "";
    return `${line.values[index]}${trend}`.replaceAll("-", "\u2212");
  };
  const show = (event) => {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    const step = (last * (x - frame.left)) / (frame.right - frame.left);
    const shown = lines.map((line) => nearest(line.steps, step));
    lines.forEach((line, i) => {
      outputs[i].textContent = reading(line, shown[i]);
      place(line, shown[i], spots[i]);
    });
    const at = lines[0].steps[shown[0]];
    const column = frame.left + ((frame.right - frame.left) * at) / last;
    cursor.setAttribute("d", `M${column} ${frame.top}V${frame.bottom}`);
    cursor.style.display = "";
    where.textContent = `step ${grouped(at)}`;
  };
  const leave = () => {
    outputs.forEach((output, i) => (output.textContent = newest[i]));
    for (const node of [cursor, ...spots]) node.style.display = "none";
    where.textContent = "";
  };
  svg.addEventListener("pointermove", show);
  svg.addEventListener("pointerdown", show);
  svg.addEventListener("pointerleave", leave);
}

/** Hides a group in all charts, or shows it again. */
function makeToggle(button) {
  const parts = document.querySelectorAll(`.charts .${button.dataset.group}`);
  button.addEventListener("click", () => {
    const isHidden = button.getAttribute("aria-pressed") === "true";
    button.setAttribute("aria-pressed", String(!isHidden));
    for (const part of parts) part.toggleAttribute("hidden", isHidden);
  });
}

/** Shows the differences in one measure, which can be chosen. */
function makeChoice(choice) {
  const select = choice.querySelector("select");
  const show = () => {
    for (const panel of document.querySelectorAll(".versus")) {
      panel.hidden = panel.dataset.measure !== select.value;
    }
  };
  choice.hidden = false;
  select.addEventListener("change", show);
  show();
}

makeTheme(document.getElementById("theme"));
document.querySelectorAll(".film").forEach(makeFilm);
document.querySelectorAll(".chart").forEach(makeChart);
document.querySelectorAll(".groups button").forEach(makeToggle);
document.querySelectorAll(".choice").forEach(makeChoice);
