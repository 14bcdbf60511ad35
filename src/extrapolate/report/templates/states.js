"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const pixels = Uint8Array.from(atob(data.pixels), (letter) => letter.charCodeAt(0));
const { positions, channels, steps } = data;
const cell = Math.max(3, Math.min(16, Math.floor(1080 / positions)));
const line = Math.max(14, cell);
const find = (id) => document.getElementById(id);
const [image, letters, slider, button] = ["image", "letters", "step", "play"].map(find);
const dark = matchMedia("(prefers-color-scheme: dark)");
const still = matchMedia("(prefers-reduced-motion: reduce)");

/** The page's colours as [r, g, b]. */
function colour(name) {
  const text = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
}

/** One colour per byte: from the colour of -1 through the background to that of 1. */
function palette() {
  const [low, middle, high] = ["--some", "--card", "--all"].map(colour);
  return Array.from({ length: 256 }, (_, value) => {
    const at = Math.max(-1, Math.min(1, value / 127 - 1));
    const end = at < 0 ? low : high;
    return middle.map((from, i) => Math.round(from + Math.abs(at) * (end[i] - from)));
  });
}

let colours = palette();
let timer = null;

function drawState(step) {
  image.width = positions;
  image.height = channels;
  image.style.width = `${positions * cell}px`;
  image.style.height = `${channels * Math.max(4, Math.min(10, cell))}px`;
  const context = image.getContext("2d");
  const picture = context.createImageData(positions, channels);
  const begin = step * positions * channels;
  for (let at = 0; at < positions * channels; at += 1) {
    const [red, green, blue] = colours[pixels[begin + at]];
    picture.data.set([red, green, blue, 255], 4 * at);
  }
  context.putImageData(picture, 0, 0);
}

function drawLetters(step) {
  const scale = window.devicePixelRatio || 1;
  const rows = [data.input, data.read[step], data.exact];
  letters.width = positions * cell * scale;
  letters.height = rows.length * line * scale;
  letters.style.width = `${positions * cell}px`;
  letters.style.height = `${rows.length * line}px`;
  const context = letters.getContext("2d");
  context.scale(scale, scale);
  const css = (name) => `rgb(${colour(name).join(" ")})`;
  const [ink, muted, wrong] = ["--ink", "--muted", "--some"].map(css);
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.font = `${Math.min(13, cell + 2)}px ui-monospace, monospace`;
  rows.forEach((row, y) => {
    for (let x = 0; x < positions; x += 1) {
      const letter = row[x];
      const differs = y === 1 && letter !== data.exact[x];
      context.fillStyle = differs ? wrong : letter === "1" ? ink : muted;
      if (cell >= 7) {
        context.fillText(letter, (x + 0.5) * cell, (y + 0.5) * line);
        if (differs) context.fillRect(x * cell, (y + 1) * line - 2, cell - 1, 2);
      } else if (differs || letter === "1") {
        context.fillRect(x * cell, y * line + 3, cell - 1, line - 6);
      } else if (letter !== " ") {
        context.fillRect(x * cell, (y + 0.5) * line, cell - 1, 1);
      }
    }
  });
}

function show(step) {
  slider.value = step;
  find("at").textContent = `step ${step} of ${steps}`;
  find("number").textContent = data.values[step] || "not a number";
  find("right").textContent = data.read[step] === data.exact ? "– all positions are right" : "";
  drawState(step);
  drawLetters(step);
}

function stop() {
  clearInterval(timer);
  timer = null;
  button.textContent = "Play";
  button.setAttribute("aria-label", "Play");
}

function play() {
  if (Number(slider.value) >= steps) show(0);
  button.textContent = "Pause";
  button.setAttribute("aria-label", "Pause");
  timer = setInterval(() => {
    const next = Number(slider.value) + 1;
    if (next > steps) stop();
    else show(next);
  }, Math.max(30, Math.min(200, 10000 / steps)));
}

slider.addEventListener("input", () => {
  stop();
  show(Number(slider.value));
});
button.addEventListener("click", () => (timer === null ? play() : stop()));
dark.addEventListener("change", () => {
  colours = palette();
  show(Number(slider.value));
});
show(still.matches ? steps : 0);
if (!still.matches) play();
