(() => {
  const content = JSON.parse(document.getElementById("content").textContent);
  const pick = (id) => document.getElementById(id);
  const { layers, planes } = content;
  const real = layers.findLastIndex((layer) => layer.role === "real");
  const state = { plane: 0, place: planes.map((plane) => plane.index.length >> 1), focus: -1, phase: false };
  const keys = { axial: "a", coronal: "c", sagittal: "s" };

  // Sheets are decoded when their plane is first shown: grey values, one byte a pixel.
  const decoded = new Map();
  const decode = async (source) => {
    const image = new Image();
    image.src = source;
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0);
    const colours = context.getImageData(0, 0, image.width, image.height).data;
    return Uint8Array.from({ length: image.width * image.height }, (_, p) => colours[4 * p]);
  };
  const load = async (number) => {
    if (!decoded.has(number)) {
      const { sheets, trust } = planes[number];
      const both = [sheets, trust].map((sources) => Promise.all(sources.map((source) => source && decode(source))));
      decoded.set(number, Promise.all(both));
    }
    return decoded.get(number);
  };
  const cut = (sheet, plane, place) => {
    const { width, height, columns } = plane;
    const left = (place % columns) * width, top = Math.floor(place / columns) * height, across = columns * width;
    const grey = new Uint8Array(width * height);
    for (let row = 0; row < height; row++) {
      const start = (top + row) * across + left;
      grey.set(sheet.subarray(start, start + width), row * width);
    }
    return grey;
  };

  const panels = layers.map((layer, number) => {
    const figure = document.createElement("figure"), button = document.createElement("button");
    const canvas = document.createElement("canvas"), caption = document.createElement("figcaption");
    const name = document.createElement("span"), note = document.createElement("small");
    button.type = "button";
    canvas.setAttribute("role", "img");
    name.textContent = layer.name;
    figure.dataset.role = layer.role;
    button.append(canvas);
    caption.append(name, note);
    figure.append(button, caption);
    button.addEventListener("click", () => enlarge(state.focus === number ? -1 : number));
    pick("panels").append(figure);
    pick("against").append(new Option(layer.name, number));
    return { figure, canvas, name, note };
  });
  pick("against").value = real >= 0 ? real : 0;

  const paint = (canvas, plane, grey, { reference, difference, lines, trust }) => {
    canvas.width = plane.width;
    canvas.height = plane.height;
    const context = canvas.getContext("2d"), picture = context.createImageData(plane.width, plane.height);
    const colours = picture.data;
    for (let p = 0; p < grey.length; p++) {
      let red = grey[p], green = grey[p], blue = grey[p];
      if (difference) {
        const change = grey[p] - reference[p];
        red = change > 0 ? 2 * change : 0;
        green = 0.9 * Math.abs(change);
        blue = change < 0 ? -2 * change : 0;
      }
      if (trust) {
        const doubt = 0.75 * (1 - trust[p] / 255) * (grey[p] > 0);
        red += doubt * (230 - red); green *= 1 - doubt; blue += doubt * (120 - blue);
      }
      if (lines && lines[p]) [red, green, blue] = [255, 170, 0];
      colours.set([red, green, blue, 255], 4 * p);
    }
    context.putImageData(picture, 0, 0);
  };

  const checked = (id) => Boolean(pick(id)?.checked);
  const draw = async () => {
    const plane = planes[state.plane], place = state.place[state.plane], against = Number(pick("against").value);
    const [sheets, trusts] = await load(state.plane);
    if (plane !== planes[state.plane] || place !== state.place[state.plane]) return; // moved on meanwhile
    const reference = cut(sheets[against], plane, place);
    const lines = checked("edges") ? outlines(reference, plane.width, plane.height) : null;
    const comparable = layers[against].role !== "ultrasound";
    pick("difference").disabled = !comparable;
    panels.forEach((panel, number) => {
      const swapped = checked("blink") && state.phase && number !== against;
      const own = swapped ? against : number;
      paint(panel.canvas, plane, cut(sheets[own], plane, place), {
        reference, lines,
        difference: checked("difference") && comparable && number !== against && layers[number].role !== "ultrasound",
        trust: checked("trust") && trusts[own] ? cut(trusts[own], plane, place) : null,
      });
      panel.name.textContent = layers[own].name;
      panel.note.textContent = plane.notes[own][place] ?? "";
      panel.canvas.setAttribute("aria-label", `${layers[own].name}, ${plane.name} slice ${plane.index[place]}`);
      panel.figure.hidden = state.focus >= 0 && number !== state.focus && number !== against;
      panel.figure.classList.toggle("against", number === against);
    });
    pick("panels").classList.toggle("large", state.focus >= 0);
    pick("panels").classList.toggle("smooth", checked("smooth"));
    const slider = pick("slice");
    slider.max = plane.index.length - 1;
    slider.value = place;
    pick("where").textContent = `${plane.name} ${plane.index[place]}`;
    slider.setAttribute("aria-valuetext", pick("where").textContent);
    const name = layers[against].name;
    pick("legend").textContent = [
      checked("edges") && `Orange lines: outlines of ${name}.`,
      checked("difference") && comparable && `Difference: orange is brighter than ${name}, blue is darker, black is equal.`,
      checked("trust") && "Trust: the redder a pixel, the less it can be trusted.",
      checked("blink") && `Blinking between each image and ${name}.`,
    ].filter(Boolean).join(" ");
    document.body.dataset.shown = `${plane.name} ${plane.index[place]}`;
  };

  const enlarge = (number) => { state.focus = number; draw(); };
  const move = (step) => {
    const last = planes[state.plane].index.length - 1;
    state.place[state.plane] = Math.min(last, Math.max(0, state.place[state.plane] + step));
    draw();
  };
  const turn = (number) => {
    state.plane = number;
    pick("planes").elements[number].checked = true;
    draw();
  };

  planes.forEach((plane, number) => {
    const label = document.createElement("label");
    const radio = Object.assign(document.createElement("input"), { type: "radio", name: "plane", value: number });
    radio.addEventListener("change", () => turn(number));
    label.title = keys[plane.name].toUpperCase();
    label.append(radio, ` ${plane.name}`);
    pick("planes").append(label);
  });
  pick("slice").addEventListener("input", (event) => { state.place[state.plane] = Number(event.target.value); draw(); });
  pick("controls").addEventListener("change", draw);
  pick("controls").addEventListener("submit", (event) => event.preventDefault());
  pick("panels").addEventListener("wheel", (event) => { event.preventDefault(); move(Math.sign(event.deltaY)); }, { passive: false });
  setInterval(() => { state.phase = !state.phase; if (checked("blink")) draw(); }, 600);

  const toggle = (id) => { const box = pick(id); if (box && !box.disabled) { box.checked = !box.checked; draw(); } };
  const commands = {
    ArrowRight: () => move(1), ArrowUp: () => move(1), ArrowLeft: () => move(-1), ArrowDown: () => move(-1),
    PageUp: () => move(10), PageDown: () => move(-10), Home: () => move(-Infinity), End: () => move(Infinity),
    b: () => toggle("blink"), e: () => toggle("edges"), d: () => toggle("difference"), t: () => toggle("trust"), g: () => toggle("smooth"),
    r: () => { const list = pick("against"); list.selectedIndex = (list.selectedIndex + 1) % list.length; draw(); },
    Escape: () => enlarge(-1), 0: () => enlarge(-1),
  };
  planes.forEach((plane, number) => { commands[keys[plane.name]] = () => turn(number); });
  layers.slice(0, 9).forEach((_, number) => { commands[number + 1] = () => enlarge(number); });
  document.addEventListener("keydown", (event) => {
    const command = commands[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!command || event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
    event.preventDefault();
    command();
  });

  // The report links to a slice: #plane=coronal&slice=31.
  const wanted = new URLSearchParams(location.hash.slice(1));
  const first = Math.max(0, planes.findIndex((plane) => plane.name === wanted.get("plane")));
  const place = planes[first].index.indexOf(Number(wanted.get("slice")));
  if (wanted.has("slice") && place >= 0) state.place[first] = place;
  turn(first);
})();
