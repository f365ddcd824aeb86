"use strict";
(() => {
  const grid = document.getElementById("examples");
  if (!grid) return;
  const rows = [...grid.querySelectorAll(".example")];
  const pick = (id) => document.getElementById(id);

  const show = () => {
    const volume = pick("volume").value, plane = pick("plane").value;
    for (const row of rows) {
      row.hidden = (volume && row.dataset.volume !== volume) || (plane && row.dataset.plane !== plane);
    }
    const shown = rows.filter((row) => !row.hidden).length;
    pick("shown").textContent = `${shown} of ${rows.length} shown`;
  };

  // Rank: lower is worse; slices without a score go last.
  const sort = () => {
    const run = pick("order").value;
    const rank = (row) => {
      const value = parseFloat(row.dataset.rank.split(" ")[run]);
      return Number.isNaN(value) ? Infinity : value;
    };
    const ordered = run === "" ? rows : [...rows].sort((a, b) => rank(a) - rank(b) || 0);
    ordered.forEach((row) => grid.append(row));
  };

  const enlarge = (button) => {
    const row = button.closest(".example"), dialog = pick("enlarged");
    const figures = [...row.querySelectorAll("figure")], here = button.closest("figure");
    const wanted = new Set([figures[0], here, figures.find((figure) => figure.dataset.real)]);
    const large = dialog.querySelector(".large");
    large.replaceChildren(...figures.filter((figure) => wanted.has(figure)).map((figure) => figure.cloneNode(true)));
    large.style.setProperty("--edges", row.style.getPropertyValue("--edges"));
    large.toggleAttribute("data-edges", "edges" in row.dataset);
    dialog.classList.toggle("outlined", grid.classList.contains("outlined"));
    dialog.querySelector("p").textContent = row.querySelector(".place").textContent;
    dialog.showModal();
  };

  pick("volume").addEventListener("change", show);
  pick("plane").addEventListener("change", show);
  pick("order").addEventListener("change", sort);
  pick("edges")?.addEventListener("change", (event) => grid.classList.toggle("outlined", event.target.checked));
  grid.addEventListener("click", (event) => {
    const button = event.target.closest(".frame");
    if (button) enlarge(button);
  });
  pick("enlarged").addEventListener("click", (event) => {
    if (event.target.id === "enlarged" || event.target.closest("button.plain")) pick("enlarged").close();
  });
  pick("controls").hidden = false;
  show();
})();
