/** The style sheet of report.html: system fonts, light and dark, phone to print, no reference to anything outside. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --surface: #ffffff; --ink: #16202e; --muted: #566375; --line: #dde2e9; --soft: #eef1f5;
  --accent: #0b6e4f; --accent-soft: #e1f3ec;
  --good: #0b6e4f; --good-soft: #e1f3ec; --bad: #a8321f; --bad-soft: #fbe9e5; --warn: #7a5200; --warn-soft: #fdf3dc;
  --series-0: #3a64a8; --series-1: #c05a1c; --series-2: #0b7d6b; --series-3: #8a4bab; --series-4: #b23a68; --series-5: #6b7480;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #10151c; --surface: #181f29; --ink: #e8edf4; --muted: #a3b0c0; --line: #2f3a48; --soft: #222b37;
    --accent: #4fd1a1; --accent-soft: #17382d;
    --good: #4fd1a1; --good-soft: #17382d; --bad: #ff9583; --bad-soft: #43211b; --warn: #f2c66d; --warn-soft: #3a2e14;
    --series-0: #82aaf0; --series-1: #f0a06a; --series-2: #56cdb8; --series-3: #c99be6; --series-4: #f08bb1; --series-5: #aab4c0;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main, .hero > div, footer { max-width: 1180px; margin: 0 auto; padding: 0 24px; }
.hero { background: var(--surface); border-bottom: 1px solid var(--line); padding: 44px 0 36px; }
.eyebrow { margin: 0 0 10px; color: var(--muted); font-size: 14px; overflow-wrap: anywhere; }
.eyebrow b { color: var(--ink); font-weight: 600; }
h1 { margin: 0; max-width: 27em; font-size: clamp(24px, 3.6vw, 36px); line-height: 1.22; letter-spacing: -0.015em; font-weight: 680; text-wrap: balance; overflow-wrap: anywhere; }
h2 { margin: 0 0 4px; font-size: 21px; line-height: 1.3; letter-spacing: -0.01em; }
h3 { margin: 0 0 8px; font-size: 15px; overflow-wrap: anywhere; }
section { margin: 48px 0; }
.lead { margin: 0 0 18px; max-width: 62em; color: var(--muted); font-size: 15px; text-wrap: pretty; }
.tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: 0; margin: 30px 0 0; padding: 0; }
.tile { padding: 2px 20px; border-left: 1px solid var(--line); min-width: 0; }
.tile:first-child { padding-left: 0; border-left: 0; }
.tile dt { color: var(--muted); font-size: 13px; }
.tile dd { margin: 0; }
.tile .value { font-size: 27px; font-weight: 650; letter-spacing: -0.02em; line-height: 1.3; white-space: nowrap; }
.tile .note { color: var(--muted); font-size: 13px; }
.card { background: var(--surface); border: 1px solid var(--line); border-radius: 10px; padding: 20px; min-width: 0; }
.stack { display: grid; gap: 20px; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 20px; }
.trio { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 300px), 1fr)); gap: 20px; }
figure { margin: 0; }
figure svg { display: block; width: 100%; height: auto; margin: 0 auto; }
figure svg text { font-family: inherit; }
figure svg .role-mark text { paint-order: stroke; stroke: var(--surface); stroke-width: 4px; stroke-linejoin: round; }
figure .narrow { display: none; }
figcaption { margin-bottom: 14px; font-size: 15px; font-weight: 600; }
figcaption small { display: block; color: var(--muted); font-size: 13px; font-weight: 400; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 10px; background: var(--surface); }
.scroll:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
table { width: 100%; border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }
caption { padding: 14px 16px 10px; text-align: left; color: var(--muted); font-size: 13px; }
th, td { padding: 9px 11px; text-align: right; vertical-align: top; white-space: nowrap; border-top: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; padding-left: 16px; }
th.left, td.left { text-align: left; }
thead th { color: var(--muted); font-size: 13px; font-weight: 500; vertical-align: bottom; background: var(--soft); }
tbody th { font-weight: 600; }
tbody tr.result { background: var(--accent-soft); }
td small, th small { display: block; color: var(--muted); font-size: 12px; font-weight: 400; }
td.text, th.text { white-space: normal; text-align: left; }
.notes { min-width: min(20em, 52vw); max-width: 26em; white-space: normal; }
thead small { font-size: 12px; }
.verdict + small { display: inline; margin-left: 6px; }
.none { color: var(--muted); }
.verdict { display: inline-block; padding: 0 8px; border-radius: 20px; background: var(--soft); color: var(--muted); font-size: 12.5px; font-weight: 600; line-height: 1.65; }
.verdict.better { background: var(--good-soft); color: var(--good); }
.verdict.worse { background: var(--bad-soft); color: var(--bad); }
.confusion { width: auto; border-spacing: 3px; border-collapse: separate; }
.confusion caption { padding: 0 0 6px; }
.confusion th, .confusion td { padding: 9px 12px; border: 0; background: none; text-align: center; }
.confusion th:first-child { padding-left: 0; text-align: left; }
.confusion thead th { background: none; padding-bottom: 2px; }
.confusion td { min-width: 66px; border-radius: 6px; font-weight: 600; background: color-mix(in srgb, var(--tint) var(--share), var(--soft)); }
.confusion-scroll { overflow-x: auto; }
.warnings { margin: 0; padding: 14px 18px 14px 34px; border-radius: 10px; background: var(--warn-soft); color: var(--warn); font-size: 14px; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 6px 22px; margin: 0; font-size: 14px; }
.facts dt { color: var(--muted); }
.facts dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
.how { margin: 0; padding-left: 18px; font-size: 14px; }
.how li { margin: 0 0 6px; }
code, pre { font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
pre { margin: 14px 0 0; padding: 12px 14px; border-radius: 8px; background: var(--soft); white-space: pre-wrap; overflow-wrap: anywhere; }
footer { padding-top: 4px; padding-bottom: 40px; color: var(--muted); font-size: 13px; }
@media (max-width: 720px) {
  main, .hero > div, footer { padding-left: 16px; padding-right: 16px; }
  .hero { padding: 28px 0 24px; }
  section { margin: 36px 0; }
  .tiles { grid-template-columns: 1fr 1fr; gap: 18px 0; }
  .tile:nth-child(odd) { padding-left: 0; border-left: 0; }
  .card { padding: 16px; }
  figure .wide { display: none; }
  figure .narrow { display: block; }
  .facts { grid-template-columns: 1fr; gap: 0; }
  .facts dd { margin-bottom: 10px; }
}
@page { size: A4 landscape; margin: 12mm; }
@media print {
  :root { --page: #fff; }
  body { font-size: 11pt; }
  section { margin: 22pt 0; }
  section > h2, .lead, figcaption, caption, thead { break-after: avoid; }
  .stack > figure:first-child svg { max-height: 62mm; }
  h1 { font-size: 20pt; max-width: none; }
  .tiles { margin-top: 12pt; }
  section > .scroll, .pair { break-inside: avoid; }
  .card, tr, figure, .tiles { break-inside: avoid; }
  .scroll { overflow: visible; }
  table { font-size: 8pt; }
  th, td { padding: 4pt 5pt; }
  .notes { min-width: 12em; }
  .hero { padding: 0 0 14pt; }
  main, .hero > div, footer { padding: 0; max-width: none; }
  * { print-color-adjust: exact; }
}
`;
