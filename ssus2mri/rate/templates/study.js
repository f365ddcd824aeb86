"use strict";
const { study, images } = JSON.parse(document.getElementById("study").textContent);
const at = (id) => document.getElementById(id);
const PREFIX = `ssus2mri-study-${study}`;
let observer = "", group = "", ratings = [], ready = false;

// CRC-32 of ASCII text, as zlib's: it shows that a file was changed by mistake.
function crc32(text) {
  let crc = ~0;
  for (let i = 0; i < text.length; i++) {
    crc ^= text.charCodeAt(i);
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

// Every observer begins elsewhere on the same circle of images.
const shown = (number) => images[(number + crc32(observer)) % images.length];

function stored(key) {
  try { return localStorage.getItem(key); } catch { return null; }
}
function store(key, value) {
  try { localStorage.setItem(key, value); return true; } catch { return false; }
}
function saved(code) {
  try {
    const record = JSON.parse(stored(`${PREFIX}-${code}`));
    const whole = record.ratings.length <= images.length && record.ratings.every((r) => [1, 2, 3, 4, 5].includes(r));
    return whole && typeof record.group === "string" ? record : null;
  } catch { return null; }
}
function save() {
  store(`${PREFIX}-${observer}`, JSON.stringify({ group, ratings }));
}

function csv() {
  const rows = ratings.map((rating, number) => [study, observer, group, number + 1, shown(number).image, rating].join(","));
  const text = ["study,observer,group,position,image,rating", ...rows, ""].join("\n");
  return `${text}checksum,${crc32(text).toString(16).padStart(8, "0")}\n`;
}

function show() {
  const number = ratings.length;
  at("start").hidden = observer !== "";
  at("rate").hidden = !observer || number === images.length;
  at("done").hidden = !observer || number < images.length;
  ready = false;
  if (!at("rate").hidden) {
    at("who").textContent = `Observer ${observer}`;
    at("count").textContent = `Image ${number + 1} of ${images.length}`;
    at("progress").value = number;
    const image = at("image");
    image.alt = `Image ${number + 1}`;
    image.src = shown(number).source;
    // A rating counts only for an image that has been on the screen.
    image.decode().then(() => requestAnimationFrame(() => { ready = number === ratings.length; }), () => {});
    for (const button of document.querySelectorAll(".undo")) button.disabled = number === 0;
  }
  if (!at("done").hidden) {
    at("file").href = `data:text/csv;charset=utf-8,${encodeURIComponent(csv())}`;
    at("file").download = `ratings-${study}-${observer}.csv`;
    at("saved").textContent = "";
  }
}

function rate(rating) {
  if (at("rate").hidden || !ready) return;
  ratings.push(rating);
  save();
  show();
  if (!at("done").hidden) at("file").focus();
}

function undo() {
  if (!observer || !ratings.length) return;
  ratings.pop();
  save();
  show();
}

function begin(code, chosen) {
  observer = code;
  const record = saved(code);
  group = record ? record.group : chosen;
  ratings = record ? record.ratings : [];
  store(PREFIX, code);
  save();
  show();
}

at("start").addEventListener("submit", (event) => {
  event.preventDefault();
  at("observer").blur();
  begin(at("observer").value.toUpperCase(), at("group").value);
});
for (const button of document.querySelectorAll("[data-rating]")) {
  button.addEventListener("click", () => rate(Number(button.dataset.rating)));
}
for (const button of document.querySelectorAll(".undo")) button.addEventListener("click", undo);
at("file").addEventListener("click", () => { at("saved").textContent = `Saved as ${at("file").download}.`; });
at("other").addEventListener("click", () => {
  try { localStorage.removeItem(PREFIX); } catch { /* nothing was stored */ }
  observer = "";
  at("start").reset();
  show();
  at("consent").focus();
});
document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || !at("start").hidden) return;
  if (/^[1-5]$/.test(event.key)) rate(Number(event.key));
  else if (event.key === "Backspace" || event.key === "ArrowLeft") undo();
});

at("unsaved").hidden = store(`${PREFIX}-`, "");
const last = stored(PREFIX);
if (last && saved(last)) begin(last, "");
else show();
