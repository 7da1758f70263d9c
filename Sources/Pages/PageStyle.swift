/// How charts of a page look, in the colours of ``HTMLStyle``.
enum PageStyle {
  static let css = """
    :root {
      --s1: #1f6fb4; --s2: #b35900; --s3: #26794b; --s4: #a8359c; --s5: #8a6d00; --s6: #5b6570;
      --better: #1e7d45; --worse: #b3341c; --card: #ffffff;
    }
    @media screen and (prefers-color-scheme: dark) {
      :root {
        --s1: #62b0f2; --s2: #f0a04b; --s3: #58c48a; --s4: #dd86d4; --s5: #d6bb4a; --s6: #a9b4bf;
        --better: #58c48a; --worse: #ff8a73; --card: #181c20;
      }
    }
    body.report { max-width: 84rem; }
    h3 { margin: 1.6rem 0 0.4rem; font-size: 1rem; line-height: 1.35; }
    h4 { margin: 1.2rem 0 0.3rem; font-size: 0.95rem; line-height: 1.35; }
    h3 a, h4 a { color: inherit; text-decoration: none; }
    h3 a:hover, h4 a:hover, h3 a:focus-visible, h4 a:focus-visible { text-decoration: underline; }
    body.report h2 { margin-top: 2.8rem; font-size: 1.25rem; }
    nav ul ul { margin: 0.1rem 0 0; }
    .side { margin-bottom: 0.8rem; }
    figure { margin: 0.8rem 0; min-width: 0; }
    figcaption { color: var(--dim); font-size: 0.85rem; }
    .cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 26.5rem), 1fr)); gap: 0.4rem 1.6rem; align-items: start; }
    .cards figure { margin: 0.5rem 0; }
    svg.chart { display: block; max-width: 100%; height: auto; font: 11px ui-monospace, monospace; }
    .scroll svg.chart { max-width: none; }
    svg.chart text { fill: var(--text); }
    svg.chart text.tick { fill: var(--dim); font-size: 10px; }
    svg.chart text.label, svg.chart text.name { font-weight: 600; }
    svg.chart text.sum { fill: var(--dim); }
    svg.chart .axis { stroke: var(--dim); }
    svg.chart .grid { stroke: var(--line); }
    svg.chart .minor { stroke: var(--line); stroke-opacity: 0.5; }
    svg.chart .none { stroke: var(--text); stroke-dasharray: 3 3; }
    svg.chart rect.band { fill: var(--band); stroke: var(--line); }
    svg.chart .marker { stroke: var(--warn); }
    svg.chart .dashed { stroke-dasharray: 3 2; }
    svg.chart .hist-a { fill: var(--bar); }
    svg.chart .hist-b { fill: var(--guest); }
    svg.chart polyline { fill: none; stroke-width: 1.8; }
    svg.chart .leader { stroke-opacity: 0.5; }
    svg.chart .s1 { stroke: var(--s1); } svg.chart circle.s1, svg.chart text.s1 { fill: var(--s1); stroke: none; }
    svg.chart .s2 { stroke: var(--s2); } svg.chart circle.s2, svg.chart text.s2 { fill: var(--s2); stroke: none; }
    svg.chart .s3 { stroke: var(--s3); } svg.chart circle.s3, svg.chart text.s3 { fill: var(--s3); stroke: none; }
    svg.chart .s4 { stroke: var(--s4); } svg.chart circle.s4, svg.chart text.s4 { fill: var(--s4); stroke: none; }
    svg.chart .s5 { stroke: var(--s5); } svg.chart circle.s5, svg.chart text.s5 { fill: var(--s5); stroke: none; }
    svg.chart .s6 { stroke: var(--s6); } svg.chart circle.s6, svg.chart text.s6 { fill: var(--s6); stroke: none; }
    svg.chart .lane { fill: var(--band); stroke: var(--line); }
    svg.chart .box { fill: var(--page); stroke: var(--dim); }
    svg.chart .arrow { fill: var(--bar); }
    svg.chart .arrow.exit { fill: var(--other); }
    svg.chart .arrow.request { fill: var(--guest); }
    svg.chart .arrow.unmeasured { fill: var(--line); }
    svg.chart .state.in_kvm_run { fill: var(--guest); }
    svg.chart .state.dispatch, svg.chart .state.handling { fill: var(--device); }
    svg.chart .state.lock_wait { fill: var(--lock); }
    svg.chart .state.other { fill: var(--other); }
    svg.chart .state.asleep { fill: var(--asleep); }
    svg.chart .state.polling { fill: var(--polling); }
    svg.chart .state.unknown { fill: var(--unknown); }
    svg.chart .state.outside { fill: none; stroke: var(--line); }
    svg.chart text.in-in_kvm_run, svg.chart text.in-dispatch, svg.chart text.in-handling, svg.chart text.in-lock_wait,
    svg.chart text.in-polling { fill: var(--ink); }
    svg.chart text.in-other { fill: #14171a; }
    svg.chart .effect { fill: var(--dim); stroke: var(--dim); stroke-width: 2; }
    svg.chart .effect.better { fill: var(--better); stroke: var(--better); }
    svg.chart .effect.worse { fill: var(--worse); stroke: var(--worse); }
    svg.chart .effect.higher, svg.chart .effect.lower { fill: var(--bar); stroke: var(--bar); }
    svg.chart .effect.same { fill: var(--text); stroke: var(--text); }
    svg.chart .effect.open { fill: var(--page); }
    svg.chart .effect.outline { fill: none; }
    svg.chart .effect.depends { fill: var(--bar); stroke: var(--bar); }
    svg.chart .point { stroke: var(--bar); stroke-width: 2; }
    svg.chart .point.on { fill: var(--bar); }
    svg.chart .point.off { fill: var(--dim); stroke: var(--dim); }
    svg.chart .point.beaten { fill: var(--page); stroke: var(--dim); }
    svg.chart .run { fill: var(--dim); fill-opacity: 0.35; stroke: none; }
    svg.chart polyline.frontier { stroke: var(--bar); stroke-dasharray: 5 3; }
    svg.chart text.verdict { font-weight: 600; }
    svg.chart text.better { fill: var(--better); }
    svg.chart text.worse { fill: var(--worse); }
    svg.chart.swatch { display: inline-block; width: 1.4rem; height: 0.75rem; margin-right: 0.35rem; vertical-align: baseline; }
    @media print {
      .scroll svg.chart { max-width: 100%; }
      .cards { grid-template-columns: 1fr 1fr; }
      svg.chart * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
      figure { break-inside: avoid; }
    }
    """
}
