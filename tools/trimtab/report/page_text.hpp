#pragma once
// The style and the script of a report's page.

namespace program {

inline constexpr const char* page_style = R"(
:root { color-scheme: light dark; --page: #fff; --text: #222; --faint: #666; --line: #ddd; --head: #f2f3f5;
  --a: #1f6fb4; --b: #d9601a; --c: #777; font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page); }
@media (prefers-color-scheme: dark) {
  :root { --page: #1a1c1e; --text: #ddd; --faint: #9aa0a6; --line: #3a3d41; --head: #26292d; --a: #5aa7e8; --b: #f0884a; --c: #a5a5a5; } }
body { max-width: 1180px; margin: 2rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin-top: 2.2rem; border-bottom: 1px solid var(--line); padding-bottom: .2rem; overflow-wrap: anywhere; }
a { color: var(--a); }
.small { display: block; overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .22rem .55rem; text-align: right; border-bottom: 1px solid var(--line); }
th { font-weight: 600; vertical-align: bottom; } td:first-child, th:first-child { text-align: left; }
.wide { overflow: auto; max-height: 80vh; border: 1px solid var(--line); font-size: .82rem; }
.wide th { position: sticky; top: 0; z-index: 2; background: var(--head); cursor: pointer; }
.wide td:first-child { position: sticky; left: 0; z-index: 1; background: var(--page); white-space: nowrap; max-width: 16rem;
  overflow: hidden; text-overflow: ellipsis; }
.wide th:first-child { left: 0; z-index: 3; }
.wide td:nth-child(2), .wide td:nth-child(3), .wide th:nth-child(2), .wide th:nth-child(3) { text-align: left; }
.wide tr { scroll-margin-top: 5rem; } .wide tr:hover td, .wide tr:target td { box-shadow: inset 0 1px var(--a), inset 0 -1px var(--a); }
td[style] { background: rgb(217 96 26 / var(--h)); }
th.sorted::after { content: " \25be"; } th.sorted.rising::after { content: " \25b4"; }
figure { margin: 1.2rem 0; overflow-x: auto; } @media screen and (max-width: 640px) { figure > svg { max-width: none; } }
figcaption { color: var(--faint); font-size: .9rem; }
.pairs { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); max-width: 900px; }
svg { max-width: 100%; height: auto; display: block; }
svg text { font-size: 12px; fill: var(--text); } svg .middle { text-anchor: middle; } svg .end { text-anchor: end; }
svg .title { font-weight: 600; } svg .faint { fill: var(--c); }
svg .grid { stroke: var(--line); } svg .tick { stroke: var(--faint); }
.series-a { fill: var(--a); stroke: var(--a); } .series-b { fill: var(--b); stroke: var(--b); }
.series-c { fill: var(--c); stroke: var(--c); }
circle { stroke-width: 0; } path[class^=series] { stroke-width: .3; }
path.line { fill: none; stroke-width: 1.2; } path.stem { stroke-width: 1; opacity: .4; }
path.cloud { fill: none; stroke-width: 3; stroke-linecap: round; opacity: .5; }
.mark { stroke: transparent; stroke-width: 7; } .mark:hover { stroke: var(--text); stroke-width: 1.5; }
#tip { position: fixed; z-index: 9; pointer-events: none; background: var(--text); color: var(--page); padding: .1rem .5rem;
  border-radius: 4px; font-size: .85rem; max-width: 40rem; overflow-wrap: anywhere; }
dl.facts { display: grid; grid-template-columns: max-content auto; gap: .1rem 1rem; }
dl.facts dt { color: var(--faint); } dl.facts dd { margin: 0; overflow-wrap: anywhere; }
details dt { font-weight: 600; }
@page { size: A4 landscape; margin: 12mm; }
@media print {
  :root { --page: #fff; --text: #000; --faint: #444; --line: #ccc; --head: #eee; --a: #1f6fb4; --b: #d9601a; --c: #777; font-size: 11px; }
  body { max-width: none; margin: 0; } figure, .pairs svg { break-inside: avoid; } h2 { break-after: avoid; }
  .wide { overflow: visible; max-height: none; border: 0; font-size: 6.5px; } .wide th, .wide td { position: static; padding: 1px 2px; }
  .wide td:first-child { max-width: 9rem; } #filter, #tip, details { display: none; }
  td[style] { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
)";

/// Sorts the table by the column whose heading is clicked, first from the largest, what has no number last; leaves the rows that
/// hold some words; tells what a point stands for without the browser's wait.
inline constexpr const char* page_script = R"(
const table = document.querySelector("#quantizers"), body = table.tBodies[0];
table.querySelectorAll("th").forEach((th, column) => {
  th.tabIndex = 0;
  const sort = () => {
    const rising = th.classList.contains("sorted") ? !th.classList.contains("rising") : false;
    table.querySelectorAll("th").forEach(other => other.classList.remove("sorted", "rising"));
    th.classList.add("sorted"); th.classList.toggle("rising", rising);
    const key = row => row.cells[column].dataset.v ?? row.cells[column].textContent;
    const order = (a, b) => {
      const x = key(a), y = key(b);
      if (x === "" || y === "") return (x === "") - (y === "");
      const d = isNaN(x) || isNaN(y) ? y.localeCompare(x) : (x === y ? 0 : y - x);
      return rising ? -d : d;
    };
    body.append(...[...body.rows].sort(order));
  };
  th.addEventListener("click", sort);
  th.addEventListener("keydown", e => { if (e.key === "Enter") sort(); });
});

const filter = document.querySelector("#filter"), words = filter.querySelector("input");
const show = () => {
  const wanted = words.value.toLowerCase().split(" ");
  let count = 0;
  for (const row of body.rows) {
    const text = [0, 1, 2].map(i => row.cells[i].textContent).join(" ").toLowerCase();
    row.hidden = !wanted.every(word => text.includes(word));
    count += !row.hidden;
  }
  filter.querySelector("output").textContent = `${count} of ${body.rows.length}`;
};
words.addEventListener("input", show);
filter.hidden = false;
show();
addEventListener("hashchange", () => {
  if (document.querySelector(location.hash)?.hidden) { words.value = ""; show(); document.querySelector(location.hash).scrollIntoView(); }
});

const tip = document.createElement("div");
tip.id = "tip"; tip.hidden = true;
document.body.append(tip);
document.addEventListener("pointerover", e => {
  const mark = e.target.closest?.(".mark");
  tip.hidden = !mark;
  if (!mark) return;
  const title = mark.querySelector("title");
  if (title) { mark.dataset.tip = title.textContent; title.remove(); }
  tip.textContent = mark.dataset.tip;
  const at = mark.getBoundingClientRect(), own = tip.getBoundingClientRect();
  tip.style.left = Math.max(4, Math.min(at.left + 8, innerWidth - own.width - 8)) + "px";
  tip.style.top = at.top - own.height - 8 + "px";
});
)";

}  // namespace program
