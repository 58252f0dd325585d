"""The style sheet of the page: light and dark, wide and narrow, screen and paper."""

CSS = """
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1b1f24; --soft: #59636e; --line: #d8dee4; --wash: #f6f8fa; --link: #0063a6;
  --accent: #c25400; --accent-wash: rgba(213, 94, 0, 0.18);
  --good: #00664b; --good-wash: #d9f2ea; --bad: #a02c00; --bad-wash: #fde5d8;
  --warn: #fff6df; --warn-line: #d9a400;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --ink: #e6e9ed; --soft: #9aa4b0; --line: #30363d; --wash: #1b1f25; --link: #6cb8f0;
    --accent: #f08a3c; --accent-wash: rgba(240, 138, 60, 0.26);
    --good: #6fdcb8; --good-wash: #0e3a2e; --bad: #ffab85; --bad-wash: #4a1d0a;
    --warn: #2e2710; --warn-line: #b58900;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 15.5px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main, header, footer { max-width: 1080px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 40px; }
.kind { margin: 0; color: var(--soft); font-size: 13px; letter-spacing: 0.06em; text-transform: uppercase; }
h1 { margin: 2px 0 10px; font-size: 32px; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 56px 0 4px; font-size: 21px; letter-spacing: -0.005em; }
h3 { margin: 28px 0 6px; font-size: 16px; }
p { margin: 8px 0; max-width: 76ch; }
a { color: var(--link); text-decoration-thickness: 1px; text-underline-offset: 2px; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 0.9em; }
.lead, figcaption { color: var(--soft); }
.verdict { font-size: 19px; line-height: 1.5; max-width: 64ch; }
nav { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 20px 0 0; font-size: 14px; }

.strip { display: block; width: 100%; max-width: 720px; height: 84px; margin: 8px 0 0; font-size: 13px; }
.strip .axis { stroke: var(--line); stroke-width: 1; }
.strip .interval { fill: var(--accent-wash); stroke: var(--accent); stroke-width: 1; }
.strip .forecast { stroke: var(--accent); stroke-width: 2.5; }
.strip circle { fill: var(--ink); stroke: var(--paper); stroke-width: 2; }
.strip text { fill: var(--soft); text-anchor: middle; }
.strip .measured { fill: var(--ink); font-weight: 600; }
.strip .low { text-anchor: end; }
.strip .high { text-anchor: start; }

.keys {
  display: grid; grid-template-columns: repeat(5, 1fr); gap: 1px;
  margin: 22px 0 0; padding: 1px; background: var(--line); border-radius: 8px; overflow: hidden;
}
.keys div { padding: 10px 14px 11px; background: var(--paper); }
.keys dt { color: var(--soft); font-size: 13px; }
.keys dd { margin: 0; font-size: 21px; font-weight: 600; font-variant-numeric: tabular-nums; }
.keys .note { color: var(--soft); font-size: 12.5px; font-weight: 400; }

.warnings {
  margin: 24px 0 0; padding: 12px 18px 14px; background: var(--warn); border-left: 4px solid var(--warn-line);
}
.warnings h2 { margin: 0; font-size: 16px; }
.warnings ul { margin: 6px 0 0; padding: 0; list-style: none; }
.warnings li { margin: 6px 0 0; overflow-wrap: anywhere; }

.badge {
  display: inline-block; padding: 0 8px; border-radius: 10px; border: 1px solid transparent;
  font-size: 12.5px; line-height: 19px; white-space: nowrap; background: var(--wash); color: var(--ink);
}
.verdict .badge { font-size: 0.86em; line-height: 1.5; }
.badge.plain { border-color: var(--line); }
.badge.good, .badge.measured { background: var(--good-wash); color: var(--good); }
.badge.bad { background: var(--bad-wash); color: var(--bad); font-weight: 600; }
.badge.fitted { background: rgba(0, 114, 178, 0.16); color: var(--link); }
.badge.cited { background: rgba(143, 111, 196, 0.2); }
.badge.derived { background: var(--wash); border-color: var(--line); }
.badge.assumed { background: var(--warn); border-color: var(--warn-line); }
.badge.given { background: transparent; border: 1px dashed var(--soft); }

figure { margin: 18px 0 0; }
figure .plot { width: 100%; }
figcaption { max-width: 84ch; margin-top: 4px; font-size: 14px; }
.plot .xtick text, .plot .ytick text, .plot .legendtext { fill: var(--soft) !important; }
.plot .xtitle, .plot .ytitle { fill: var(--ink) !important; }
.plot .nothing { padding: 24px; border: 1px dashed var(--line); color: var(--soft); }

.scroll { margin: 10px 0 0; overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; }
table.wide { min-width: 100%; }
th, td {
  padding: 5px 24px 5px 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: baseline;
}
th:last-child, td:last-child { padding-right: 0; }
thead th { color: var(--soft); font-weight: 500; font-size: 13px; white-space: nowrap; }
td { white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.prose { min-width: 24ch; white-space: normal; overflow-wrap: break-word; }
.reasons th[scope="rowgroup"] {
  padding-top: 20px; font-size: 12.5px; letter-spacing: 0.06em; text-transform: uppercase; color: var(--soft);
}
.remarks { margin: 12px 0 0; padding-left: 20px; font-size: 14px; overflow-wrap: anywhere; }
.sample {
  margin: 12px 0 0; padding: 16px 18px; background: var(--wash); border-radius: 8px; line-height: 1.5;
  white-space: pre-wrap; overflow-wrap: anywhere; tab-size: 4;
}
.sample b { color: var(--accent); }
footer { margin-top: 64px; padding-top: 16px; padding-bottom: 48px; color: var(--soft); font-size: 13px; }
footer p { max-width: none; overflow-wrap: anywhere; }

@media (max-width: 640px) {
  main, header, footer { padding-left: 16px; padding-right: 16px; }
  header { padding-top: 24px; }
  h1 { font-size: 26px; }
  .verdict { font-size: 17px; }
  .keys { grid-template-columns: repeat(2, 1fr); }
  .keys dd { font-size: 18px; }
  .keys .note { font-size: 12px; }
  .reasons thead { display: none; }
  .reasons tr {
    display: grid; grid-template-columns: 1fr auto auto; gap: 2px 12px;
    padding: 8px 0; border-bottom: 1px solid var(--line);
  }
  .reasons td, .reasons th { padding: 0; border: 0; overflow-wrap: anywhere; white-space: normal; }
  .reasons td.prose, .reasons th { grid-column: 1 / -1; min-width: 0; }
}
@media print {
  body { font-size: 12px; }
  .keys dd { font-size: 15px; }
  .keys .note { font-size: 10.5px; }
  nav { display: none; }
  main, header, footer { max-width: none; padding: 0; }
  figure, tr, .keys, .warnings, .sample { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  .scroll { overflow: visible; }
  table { font-size: 10.5px; }
  th, td { padding-right: 8px; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
