"""The frame of report.html: one file that needs no network, light and dark. It knows no numbers."""

STYLE = """
:root { color-scheme: light dark; --page: #ffffff; --ink: #1b2330; --soft: #55617a;
  --line: #d5dce6; --band: #f4f6fa; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14181f; --ink: #e4e9f1; --soft: #a5b0c3; --line: #394353; --band: #1d232d; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 24px 16px 48px; max-width: 1160px; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 16px; }
h2 { font-size: 1.15rem; margin: 32px 0 8px; }
.table { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: collapse; width: 100%; font-size: .86rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: 8px 10px; color: var(--soft); }
th, td { padding: 7px 8px; text-align: right; overflow-wrap: normal; border-top: 1px solid var(--line); }
td { white-space: nowrap; }
thead th { vertical-align: bottom; font-weight: 600; min-width: 4.2em; }
tbody tr:nth-child(odd) > * { background: var(--band); }
th:first-child { position: sticky; left: 0; text-align: left; background: var(--page);
  min-width: min(7em, 40vw); }
tbody th { font-weight: 600; overflow-wrap: break-word; max-width: 42vw; }
p, figcaption { color: var(--soft); font-size: .9rem; }
ul { padding-left: 1.2em; } li { margin: 4px 0; }
figure { margin: 0; } figcaption { margin-top: 8px; }
dl { display: grid; grid-template-columns: minmax(8em, max-content) 1fr; gap: 4px 16px; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; }
pre { padding: 12px; background: var(--band); border-radius: 6px; white-space: pre-wrap; }
:focus-visible { outline: 2px solid #3b82f6; outline-offset: 2px; }
@media (max-width: 600px) { dl { grid-template-columns: 1fr; } dd { margin-bottom: 8px; } }
"""

TABLE = """<div class="table" role="region" aria-label="{label}" tabindex="0">
<table>
<caption>{caption}</caption>
<thead><tr>{columns}</tr></thead>
<tbody>
{lines}</tbody>
</table>
</div>
"""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:">
<title>{title}</title>
<style>{style}</style>
<script>{plotly}</script>
</head>
<body>
<main>
<h1>{title}</h1>
{table}<p>{reading}</p>
{sections}
</main>
<script>{repaint}</script>
</body>
</html>
"""
