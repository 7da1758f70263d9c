/// How pages look: on a wide window, a telephone and paper, in light and dark.
package enum HTMLStyle {
  /// The style sheet; other parts of a page use its variables.
  package static let css = """
    :root {
      color-scheme: light dark;
      --page: #ffffff; --text: #1b1f24; --dim: #5b6570; --line: #d5dae0; --band: #f5f7f9; --link: #0b5cad;
      --bar: #3b7fc4; --warn: #a3260f;
      --guest: #26794b; --device: #2676ad; --lock: #c0392b; --other: #d9a520; --asleep: #e3e7eb; --polling: #9457b8;
      --unknown: #e8b4ad; --ink: #ffffff; --load: #8a94a0;
    }
    @media screen and (prefers-color-scheme: dark) {
      :root {
        --page: #14171a; --text: #e4e8ec; --dim: #9aa5b1; --line: #343b43; --band: #1c2126; --link: #74b3f0;
        --bar: #5b9bd9; --warn: #ff8a73;
        --guest: #3fa76d; --device: #4aa0dc; --lock: #e0604f; --other: #d9a520; --asleep: #2b3138; --polling: #b07ad4;
        --unknown: #6e3a34; --ink: #0d1013; --load: #727d89;
      }
    }
    * { box-sizing: border-box; }
    body {
      margin: 0 auto; padding: 1.5rem clamp(0.75rem, 3vw, 2rem) 3rem; max-width: 76rem; background: var(--page);
      color: var(--text); font: 15px/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums;
      overflow-wrap: anywhere;
    }
    h1 { margin: 0 0 0.5rem; font-size: 1.4rem; line-height: 1.25; }
    h2 { margin: 2.2rem 0 0.6rem; padding-top: 0.6rem; border-top: 1px solid var(--line); font-size: 1.08rem; line-height: 1.35; }
    h2 a { color: inherit; text-decoration: none; }
    h2 a:hover, h2 a:focus-visible { text-decoration: underline; }
    a { color: var(--link); }
    p { margin: 0.35rem 0; max-width: 62rem; }
    p.indented { padding-left: 1rem; }
    p.remark { color: var(--dim); font-size: 0.9rem; }
    p.strong { font-weight: 600; }
    nav ul { display: flex; flex-wrap: wrap; gap: 0.2rem 1.1rem; margin: 1rem 0 0; padding: 0; list-style: none; font-size: 0.9rem; }
    code { padding: 0.1em 0.35em; border-radius: 4px; background: var(--band); font: 0.9em/1.5 ui-monospace, monospace; }
    .scroll { margin: 0.6rem 0; overflow-x: auto; }
    .scroll:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
    table { border-collapse: collapse; font-size: 0.9rem; line-height: 1.35; overflow-wrap: normal; }
    th, td { padding: 0.22rem 0.65rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: baseline; font-weight: 400; }
    thead th { color: var(--dim); font-weight: 600; white-space: nowrap; }
    tbody tr:hover { background: var(--band); }
    .number { text-align: right; white-space: nowrap; }
    .value { white-space: nowrap; }
    tbody th, td.text { min-width: 7rem; max-width: 30rem; }
    td.bar { width: 100%; min-width: 9rem; padding-left: 0; }
    td.bar svg { display: block; width: 100%; height: 0.75rem; }
    td.bar rect { fill: var(--bar); }
    td.bar ~ td.text { min-width: 0; white-space: nowrap; }
    p.key { display: flex; flex-wrap: wrap; gap: 0.2rem 1.1rem; font-size: 0.9rem; }
    p.key svg.lanes { display: inline-block; width: 1.4rem; height: 0.75rem; margin-right: 0.35rem; vertical-align: baseline; }
    svg.lanes { display: block; font: 11px ui-monospace, monospace; }
    svg.lanes text { fill: var(--text); }
    svg.lanes .mark { fill: var(--dim); }
    svg.lanes .sign { fill: var(--ink); text-anchor: middle; }
    svg.lanes .asleep-sign, svg.lanes .unknown-sign { fill: var(--text); text-anchor: middle; }
    svg.lanes line { stroke: var(--dim); }
    svg.lanes .in_kvm_run { fill: var(--guest); }
    svg.lanes .dispatch, svg.lanes .handling { fill: var(--device); }
    svg.lanes .lock_wait { fill: var(--lock); }
    svg.lanes .other { fill: var(--other); }
    svg.lanes .asleep { fill: var(--asleep); }
    svg.lanes .polling { fill: var(--polling); }
    svg.lanes .unknown { fill: var(--unknown); }
    svg.lanes .load { fill: var(--load); }
    svg.lanes .focus { stroke: var(--warn); stroke-width: 2; }
    @media print {
      body { max-width: none; padding: 0; font-size: 10pt; }
      nav { display: none; }
      .scroll { overflow: visible; }
      tr, p, svg { break-inside: avoid; }
      h2 { break-after: avoid; }
      .bar rect, svg.lanes rect { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
    }
    """
}
