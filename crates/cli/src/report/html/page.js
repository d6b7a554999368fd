"use strict";
const form = document.getElementById("filter");
const show = () => {
  const verdict = form.elements.verdict.value;
  const text = form.elements.text.value.trim().toLowerCase();
  let shown = 0;
  for (const report of document.querySelectorAll(".report")) {
    const fits = (!verdict || report.dataset.verdict === verdict) &&
      (!text || report.textContent.toLowerCase().includes(text));
    report.hidden = !fits;
    shown += fits ? 1 : 0;
  }
  document.getElementById("nothing").hidden = shown > 0;
};
form.addEventListener("input", show);
form.addEventListener("submit", (event) => event.preventDefault());
show();
