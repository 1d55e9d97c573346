"use strict";
(function () {
  const value = (cell) => (cell.dataset.value === undefined ? cell.textContent.trim() : cell.dataset.value);
  const number = (text) => (/^[-−]?\d[\d.,]*(e[-+]?\d+)?†?( |$)/.test(text) ? parseFloat(text.replace("−", "-").replace(/,/g, "")) : NaN);

  // Cells without a figure stay last, whichever way the others go.
  function compare(a, b, way) {
    if (Number.isNaN(a.number) !== Number.isNaN(b.number)) return Number.isNaN(a.number) ? 1 : -1;
    if (!Number.isNaN(a.number)) return way * (a.number - b.number);
    return way * a.text.localeCompare(b.text, "en", { numeric: true });
  }

  function sort(table, head, column) {
    const numbers = Array.from(table.tBodies[0].rows, (row) => number(value(row.cells[column])));
    const first = numbers.some((one) => !Number.isNaN(one)) ? "descending" : "ascending";
    const other = first === "ascending" ? "descending" : "ascending";
    const order = head.getAttribute("aria-sort") === first ? other : first;
    for (const one of head.parentNode.cells) if (one.hasAttribute("aria-sort")) one.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", order);
    const way = order === "ascending" ? 1 : -1;
    const rows = Array.from(table.tBodies[0].rows, (row) => {
      const text = value(row.cells[column]);
      return { row: row, text: text, number: number(text) };
    });
    rows.sort((a, b) => compare(a, b, way));
    table.tBodies[0].append(...rows.map((one) => one.row));
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    Array.from(table.tHead.rows[0].cells).forEach((head, column) => {
      if (head.hasAttribute("data-unsorted")) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => sort(table, head, column));
    });
  }

  const form = document.querySelector("form.filter");
  const box = document.getElementById("filter");
  const told = document.getElementById("filter-told");
  const rows = document.querySelectorAll("#figures-table tbody tr");
  function filter() {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const one of document.querySelectorAll("[data-filter]")) {
      const text = one.dataset.filter.toLowerCase();
      one.hidden = !words.every((word) => text.includes(word));
    }
    const shown = Array.from(rows).filter((row) => !row.hidden).length;
    told.textContent = words.length ? shown + " of " + rows.length + " rows" : rows.length + " rows";
  }
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  box.addEventListener("input", filter);
  filter();

  function open() {
    const target = document.getElementById(window.location.hash.slice(1));
    if (target && target.tagName === "DETAILS") {
      target.open = true;
      target.querySelector("summary").focus();
      target.scrollIntoView();
    }
  }
  window.addEventListener("hashchange", open);
  for (const link of document.querySelectorAll('a[href^="#"]')) link.addEventListener("click", () => setTimeout(open));
  open();
})();
