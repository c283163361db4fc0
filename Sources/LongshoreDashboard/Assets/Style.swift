extension Asset {
  /// How all pages look: dense and calm, light and dark, from 320 px on.
  static let style = Asset(
    contentType: "text/css; charset=utf-8",
    text: #"""
      :root {
        color-scheme: light dark;
        --ground: #f6f7f9; --sheet: #ffffff; --line: #d9dee5; --soft: #eceff3;
        --ink: #1b2430; --quiet: #566372; --link: #0b5cad;
        --busy: #0b5cad; --ok: #1a6f3c; --warn: #875500; --bad: #b3261e; --wait: #5b4b9a;
        --bar: #2773c0; --caught: #8a5fc7; --track: #dfe5ec;
        --bad-ground: #fdecea; --warn-ground: #fdf4de; --info-ground: #e8f1fb;
      }
      @media (prefers-color-scheme: dark) {
        :root {
          --ground: #11161c; --sheet: #181f27; --line: #2c3641; --soft: #212a34;
          --ink: #e4e9ef; --quiet: #9aa8b7; --link: #7db8f5;
          --busy: #7db8f5; --ok: #6fcf97; --warn: #f0bd5a; --bad: #ff8a80; --wait: #b9a8f0;
          --bar: #4c9be8; --caught: #b18cf0; --track: #2c3743;
          --bad-ground: #3a1d1c; --warn-ground: #352a12; --info-ground: #14293f;
        }
      }
      * { box-sizing: border-box; }
      html { -webkit-text-size-adjust: 100%; }
      body {
        margin: 0; background: var(--ground); color: var(--ink);
        font: 14px/1.45 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif;
        font-variant-numeric: tabular-nums;
      }
      a { color: var(--link); text-underline-offset: 2px; text-decoration-thickness: 1px; }
      a:hover { text-decoration-thickness: 2px; }
      :focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 3px; }
      main:focus { outline: none; }
      h1 { font-size: 1.5rem; margin: 1rem 0 .25rem; line-height: 1.2; overflow-wrap: anywhere; }
      h2 { font-size: 1rem; margin: 0 0 .5rem; font-weight: 650; overflow-wrap: anywhere; }
      h3 { font-size: .9rem; margin: .75rem 0 .25rem; }
      p { margin: .25rem 0; }
      code { font: .92em ui-monospace, "SFMono-Regular", "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; color: var(--quiet); }
      kbd { font: .92em ui-monospace, "DejaVu Sans Mono", monospace; background: var(--soft); border-radius: 3px; padding: 0 .25em; overflow-wrap: anywhere; }
      li code, p code, td code { background: var(--soft); border-radius: 3px; padding: 0 .25em; color: var(--ink); }
      .unseen { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
      .skip { position: absolute; left: -999px; }
      .skip:focus { left: .5rem; top: .5rem; background: var(--sheet); padding: .5rem .75rem; z-index: 9; }
      .quiet, .empty, .under { color: var(--quiet); }
      .under { display: block; font-size: .86em; }
      .trouble { color: var(--warn); font-weight: 600; }

      .top {
        display: flex; flex-wrap: wrap; align-items: center; gap: .35rem 1.25rem; padding: .55rem 1.25rem;
        background: var(--sheet); border-bottom: 1px solid var(--line);
      }
      .brand { display: inline-flex; align-items: center; gap: .45rem; font-weight: 700; font-size: 1.05rem; color: var(--ink); text-decoration: none; }
      .brand svg { fill: var(--bar); }
      .cluster { color: var(--quiet); }
      .cluster b { color: var(--ink); font-weight: 600; }
      nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem; margin: 0; padding: 0; }
      .top nav a { display: block; padding: .3rem .7rem; border-radius: 5px; text-decoration: none; color: var(--ink); }
      .top nav a:hover { background: var(--soft); }
      .top nav a[aria-current] { background: var(--soft); font-weight: 600; box-shadow: inset 0 -2px var(--bar); }
      #connection { margin-left: auto; }
      .state { white-space: nowrap; font-size: .92em; }
      .ok { color: var(--ok); } .busy { color: var(--busy); } .bad { color: var(--bad); } .warn { color: var(--warn); } .wait { color: var(--wait); }
      .session form { display: inline; }
      .session button { min-height: 0; padding: .2rem .6rem; }

      main { max-width: 1440px; margin: 0 auto; padding: .75rem 1.25rem 2rem; }
      footer { max-width: 1440px; margin: 0 auto; padding: 0 1.25rem 1.5rem; color: var(--quiet); font-size: .86em; }
      section { background: var(--sheet); border: 1px solid var(--line); border-radius: 8px; padding: .8rem 1rem; margin: .75rem 0; }
      .count { color: var(--quiet); font-weight: 400; margin-left: .15rem; }
      .notice { border: 1px solid var(--line); border-left: 4px solid; border-radius: 6px; padding: .55rem .85rem; margin: .6rem 0; }
      .notice.bad { background: var(--bad-ground); border-color: var(--bad); color: var(--ink); }
      .notice.warn { background: var(--warn-ground); border-color: var(--warn); color: var(--ink); }
      .notice.info { background: var(--info-ground); border-color: var(--busy); color: var(--ink); }
      .notice.bad .sign { color: var(--bad); } .notice.warn .sign { color: var(--warn); }
      .notice .why { color: var(--quiet); overflow-wrap: anywhere; }
      .notice ol { margin: .25rem 0; padding-left: 1.35rem; } .notice ol li { margin: .3rem 0; }
      .alarms { list-style: none; margin: 0; padding: 0; }
      .alarms .notice { margin: .4rem 0; }
      #alarms section { border: 0; background: none; padding: 0; }
      .live-state { background: var(--warn-ground); border-bottom: 1px solid var(--warn); padding: .35rem 1.25rem; }

      .figures { display: flex; flex-wrap: wrap; gap: .4rem 2.25rem; margin: .75rem 0; }
      .figures div { display: flex; flex-direction: column-reverse; min-width: 5.5rem; }
      .figures dt { color: var(--quiet); font-size: .86em; }
      .figures dd { margin: 0; font-size: 1.45rem; font-weight: 600; line-height: 1.2; }
      .facts { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin: .5rem 0; }
      .facts dt { color: var(--quiet); font-size: .86em; }
      .facts dd { margin: 0; }
      .ids { color: var(--quiet); }

      .scroll { overflow-x: auto; }
      table { border-collapse: collapse; width: 100%; }
      th, td { text-align: left; vertical-align: top; padding: .4rem .9rem .4rem 0; font-weight: 400; }
      thead th { color: var(--quiet); font-size: .86em; padding-top: 0; white-space: nowrap; border-bottom: 1px solid var(--line); }
      tbody tr + tr > * { border-top: 1px solid var(--line); }
      tbody th { font-weight: 600; overflow-wrap: anywhere; min-width: 9.5rem; }
      .number { text-align: right; white-space: nowrap; }
      .number:not(:last-child) { padding-right: 1.6rem; }
      th:last-child, td:last-child { padding-right: 0; }
      .way a { white-space: nowrap; }
      td time { white-space: nowrap; }
      .phase { white-space: nowrap; font-weight: 550; }
      .phase.quiet { font-weight: 400; }
      .reasons { list-style: none; margin: 0; padding: 0; max-width: 60ch; overflow-wrap: anywhere; }
      .reasons li + li { margin-top: .2rem; }
      .reasons code { background: none; padding: 0; color: var(--quiet); display: inline-block; max-width: 100%; }
      .notice .reasons { max-width: 100ch; }

      progress, meter { display: block; width: 100%; min-width: 8rem; height: .6rem; margin: .35rem 0 .2rem; border: 0; border-radius: 5px; overflow: hidden; background: var(--track); -webkit-appearance: none; appearance: none; }
      progress::-webkit-progress-bar { background: var(--track); }
      progress::-webkit-progress-value { background: var(--bar); }
      progress::-moz-progress-bar { background: var(--bar); }
      progress.caught::-webkit-progress-value { background: var(--caught); }
      progress.caught::-moz-progress-bar { background: var(--caught); }
      /* Chromium draws the bar half as high as this element. */
      meter::-webkit-meter-inner-element { display: block; height: 200%; }
      meter::-webkit-meter-bar { background: var(--track); border: 0; border-radius: 0; }
      meter::-webkit-meter-optimum-value { background: var(--bar); }
      meter::-webkit-meter-suboptimum-value { background: var(--warn); }
      .whole progress { height: 1rem; }
      .whole { max-width: 46rem; }
      .whole .under { font-size: 1em; }

      .ways { display: flex; align-items: stretch; gap: .75rem; margin: .75rem 0; }
      .card { flex: 1; max-width: 22rem; background: var(--sheet); border: 1px solid var(--line); border-radius: 8px; padding: .6rem .9rem; }
      .card .role { color: var(--quiet); font-size: .86em; margin: 0; }
      .card .name { font-size: 1.15rem; font-weight: 600; margin: 0; overflow-wrap: anywhere; }
      .card.is-here { border-color: var(--ok); box-shadow: inset 0 0 0 1px var(--ok); }
      .here { color: var(--ok); font-size: .92em; }
      .arrow { align-self: center; font-size: 1.4rem; color: var(--quiet); }

      .chart { margin: 0; max-width: 60rem; }
      .chart svg { display: block; width: 100%; height: auto; }
      .chart text { fill: var(--quiet); font-size: 11px; }
      .chart .grid { stroke: var(--line); fill: none; stroke-width: 1; vector-effect: non-scaling-stroke; }
      .chart .area { fill: var(--bar); opacity: .14; }
      .chart .rate { stroke: var(--bar); }
      .chart .dirty { stroke: var(--caught); stroke-dasharray: 5 4; }
      .chart polyline { fill: none; stroke-width: 2; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
      .chart figcaption { color: var(--quiet); font-size: .9em; }
      .key { margin-right: 1rem; } .key.rate span { color: var(--bar); } .key.dirty span { color: var(--caught); }

      .story { list-style: none; margin: 0; padding: 0 0 .5rem .4rem; }
      .story > li { border-left: 2px solid var(--line); padding: 0 0 .7rem 1.1rem; position: relative; top: .5rem; }
      .story > li > p { margin: 0; position: relative; top: -.7rem; }
      .story > li > .reasons { margin-top: -.5rem; }
      .story > li::before { content: ""; position: absolute; left: -6px; top: -.3rem; width: 10px; height: 10px; border-radius: 50%; background: var(--bar); border: 2px solid var(--sheet); }
      .story > li:last-child { padding-bottom: 0; border-color: transparent; }
      .story .phase { display: inline-block; min-width: 8.5rem; }
      details > summary { cursor: pointer; padding: .2rem 0; color: var(--link); }
      .raw { margin: .75rem 0; }
      pre { background: var(--sheet); border: 1px solid var(--line); border-radius: 6px; padding: .75rem; overflow: auto; max-height: 24rem; font: .85em/1.5 ui-monospace, "DejaVu Sans Mono", monospace; }

      .filter { display: flex; flex-wrap: wrap; gap: .6rem 1rem; align-items: end; margin: .75rem 0; }
      label { color: var(--quiet); font-size: .86em; display: flex; flex-direction: column; gap: .15rem; }
      input, select, button { font: inherit; color: var(--ink); background: var(--sheet); border: 1px solid var(--quiet); border-radius: 5px; padding: .35rem .6rem; min-height: 2.2rem; }
      input, select { font-size: 15px; }
      button { font-size: 14px; cursor: pointer; font-weight: 600; }
      button:hover { background: var(--soft); }
      button.danger { border-color: var(--bad); color: var(--bad); }
      .pages ul { gap: .25rem 1rem; margin-top: .75rem; }

      @media (min-width: 64rem) { tbody th { min-width: 13rem; } .prose > div { min-width: 15rem; } }
      @media (max-width: 46rem) {
        .top { padding: .5rem .8rem; gap: .3rem .9rem; }
        main { padding: .5rem .8rem 1.5rem; } footer { padding: 0 .8rem 1rem; }
        section { padding: .65rem .75rem; }
        .figures { gap: .5rem 1.4rem; }
        .figures dd { font-size: 1.2rem; }
        thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
        table, tbody, tr, th[scope=row], td { display: block; width: 100%; }
        tbody tr { padding: .55rem 0; }
        tbody tr + tr { border-top: 1px solid var(--line); }
        tbody tr + tr > * { border-top: 0; }
        tbody th, tbody td { padding: .1rem 0; text-align: left; white-space: normal; }
        tbody th { font-size: 1.02rem; }
        tbody td.number { text-align: left; white-space: normal; }
        tbody td { display: grid; grid-template-columns: 5.6rem minmax(0, 1fr); column-gap: .6rem; }
        tbody td > div { grid-column: 2; min-width: 0; }
        tbody td::before { content: attr(data-label); color: var(--quiet); font-size: .86em; grid-column: 1; grid-row: 1; padding-top: .1em; }
        tbody td:has(> div:empty) { display: none; }
        .chart text { font-size: 17px; }
        .way a, td time { white-space: normal; }
        .ways { gap: .4rem; }
        .card { padding: .5rem .65rem; }
        .story .phase { display: block; }
      }
      @media (prefers-reduced-motion: no-preference) { progress::-webkit-progress-value { transition: inline-size .4s linear; } }
      @media print { .top nav, .filter, .skip { display: none; } }
      """#)

  /// The sign of the dashboard: stacked boxes on a hull.
  static let icon = Asset(
    contentType: "image/svg+xml",
    text: #"""
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path fill="#2f7fd1" d="M2 15h20l-3 5H5zM6 9h5v5H6zM12 9h5v5h-5zM9 3h5v5H9z"/></svg>
      """#)
}
