/** The style of all pages. It stands in the page itself, so that a page needs no second request and no other host. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --back: light-dark(#fbfbfc, #15171b);
  --card: light-dark(#fff, #1d2026);
  --text: light-dark(#1c2026, #e4e7ec);
  --soft: light-dark(#59616d, #9da6b3);
  --line: light-dark(#dfe3e8, #343a44);
  --link: light-dark(#0b57d0, #8ab4f8);
  --good: light-dark(#146c2e, #7fd79a);
  --bad: light-dark(#b3261e, #ffb4ab);
  --blue: light-dark(#0b57d0, #8ab4f8);
  --green: light-dark(#146c2e, #7fd79a);
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace;
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 58rem;
  background: var(--back); color: var(--text);
  font: 1rem/1.55 system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif;
}
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2.25rem 0 0.6rem; }
a { color: var(--link); }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
code, pre, textarea { font-family: var(--mono); font-size: 0.85rem; }
code { overflow-wrap: anywhere; }
.head { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem 0.75rem; }
.badge {
  border: 1px solid currentcolor; border-radius: 1rem; padding: 0.05rem 0.7rem;
  font-size: 0.85rem; white-space: nowrap;
}
.ready { color: var(--good); }
.badge.ready, .badge.not-ready { border-color: transparent; }
.badge.ready { background: light-dark(#dcf3e2, #173a22); }
.badge.not-ready { background: light-dark(#fbe3e0, #4a1f1b); }
.not-ready { color: var(--bad); }
.blue { color: var(--blue); }
.green { color: var(--green); }
.soft { color: var(--soft); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.25rem 1rem; margin: 1.25rem 0 0; }
dt { color: var(--soft); }
dd { margin: 0; min-width: 0; }
.reason { color: var(--bad); overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { table-layout: fixed; border-collapse: collapse; width: 100%; background: var(--card); border: 1px solid var(--line); }
th, td { text-align: left; padding: 0.4rem 0.75rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th:first-child { width: 50%; }
th:first-child.narrow { width: 30%; }
th.narrow { width: 6rem; }
td { overflow-wrap: anywhere; }
h1 + .scroll, header + main > .scroll:first-child { margin-top: 1.25rem; }
th { font-weight: 600; font-size: 0.85rem; color: var(--soft); }
tr:last-child td { border-bottom: 0; }
details { background: var(--card); border: 1px solid var(--line); border-radius: 0.4rem; margin: 0 0 0.6rem; }
summary { cursor: pointer; padding: 0.6rem 0.9rem; border-radius: 0.4rem; }
summary code { color: var(--soft); margin-left: 0.5rem; }
.body { padding: 0 0.9rem 0.9rem; }
label { display: block; font-size: 0.85rem; color: var(--soft); margin: 0.25rem 0; }
textarea {
  width: 100%; min-height: 9rem; resize: vertical; padding: 0.6rem; tab-size: 2;
  color: inherit; background: var(--back); border: 1px solid var(--line); border-radius: 0.3rem;
}
pre {
  margin: 0.5rem 0 0; padding: 0.6rem; overflow: auto; max-height: 24rem; white-space: pre-wrap; overflow-wrap: anywhere;
  background: var(--back); border: 1px solid var(--line); border-radius: 0.3rem;
}
.actions { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem 0.9rem; margin: 0.6rem 0 0; }
button {
  font: inherit; font-size: 0.9rem; padding: 0.3rem 1rem; border-radius: 0.3rem; cursor: pointer;
  color: var(--text); background: var(--card); border: 1px solid var(--line);
}
button.send { color: var(--back); background: var(--link); border-color: var(--link); }
button:disabled { opacity: 0.6; cursor: progress; }
.status { font-size: 0.9rem; }
.curl { margin-top: 0.9rem; }
.curl .soft { font-size: 0.85rem; }
.curl > div { display: flex; justify-content: space-between; align-items: end; }
@media (max-width: 34rem) {
  body { padding: 1.25rem 0.9rem 3rem; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: 0.5rem; }
  summary code { display: block; margin: 0; }
}
`
